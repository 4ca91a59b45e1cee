package desk

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordboard/audio"
)

// roomWith runs a room with a card, in a bubble of synctest.
func roomWith(t *testing.T) (*Phone, *fakeCard) {
	card := &fakeCard{}
	p := &Phone{room: newRoom(Deps{Card: card}, func(error) {}, slog.New(slog.DiscardHandler))}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.room.run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if card.open() || card.ringing() {
			t.Error("the card is open when the phone has ended")
		}
	})
	return p, card
}

func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, card := roomWith(t)
		p.Listen(10 * time.Second)
		time.Sleep(9 * time.Second)
		p.Listen(10 * time.Second)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if !card.open() {
			t.Error("it is closed while somebody looks at the meters")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if card.open() {
			t.Error("it stays open though nobody asked again")
		}
		p.Listen(time.Hour)
		synctest.Wait()
		opened := card.open()
		p.Listen(0)
		synctest.Wait()
		if !opened || card.open() {
			t.Errorf("opened %v, open at the end %v", opened, card.open())
		}
	})
}

func TestSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, card := roomWith(t)
		if p.Sample(audio.Microphone) == nil {
			t.Error("the microphone plays something")
		}
		if err := p.Sample(audio.Loudspeaker); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		frame := card.play()
		if frame == nil || slices.Max(frame) == 0 || card.ringing() {
			t.Error("nothing is heard on the loudspeaker")
		}
		if err := p.Sample(audio.Ringer); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !card.ringing() {
			t.Error("nothing is heard on the ringer")
		}
		time.Sleep(sampleTime)
		synctest.Wait()
		if card.open() || card.ringing() {
			t.Error("the sample has no end")
		}
	})
}

// TestSampleDuringCalls leaves a card open that something else needs.
func TestSampleDuringCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, card := roomWith(t)
		if err := p.Sample(audio.Ringer); err != nil {
			t.Fatal(err)
		}
		p.room.set(scene{tone: audio.BusyTone, ringing: true})
		time.Sleep(2 * sampleTime)
		synctest.Wait()
		if !card.open() || !card.ringing() {
			t.Errorf("open %v, rings %v after a sample", card.open(), card.ringing())
		}
		p.room.set(scene{})
		synctest.Wait()
		if card.open() || card.ringing() {
			t.Error("open though nothing is to be heard")
		}
	})
}

package gateway

import (
	"testing"

	"cordboard/gateway/call"
	"cordboard/gateway/signaling"
)

// A reader that takes nothing is sent away, and nobody waits for it.
func TestSlowReadersOfConcerns(t *testing.T) {
	s := &sound{readers: map[chan call.Concern]string{}}
	slow, quick := make(chan call.Concern, waitingConcerns), make(chan call.Concern, waitingConcerns)
	s.readers[slow], s.readers[quick] = "alice", "alice"
	c := concern(call.Trouble{Leg: "a", Kind: call.TroubleSilent}, signaling.Participant{Leg: "b", User: "alice", CallID: "x"})
	if c.Own || c.SIP != "x" || c.Kind != call.TroubleSilent {
		t.Errorf("concern %+v", c)
	}
	for range waitingConcerns + 1 {
		for ch := range s.readers {
			s.tell(ch, c)
		}
		<-quick
	}
	if _, still := s.readers[slow]; still || len(s.readers) != 1 {
		t.Errorf("%d readers are left", len(s.readers))
	}
	n := 0
	for range slow {
		n++
	}
	if n != waitingConcerns {
		t.Errorf("the slow one gets %d", n)
	}
}

//go:build !headless && cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"cordboard/app/ui"
	"cordboard/gateway"
)

// lived is a shell whose gateway runs. What is for Fyne's loop waits in queue; until the feed has ended the views are its own.
type lived struct {
	*shell
	file  string
	queue chan func()
	said  output // to the console, where the log goes too
}

func live(t *testing.T) *lived {
	t.Helper()
	dir := t.TempDir()
	l := &lived{file: filepath.Join(dir, "cordboard.toml"), queue: make(chan func(), 16)}
	l.write(t, officeFile)
	l.shell = &shell{console: console{out: io.Discard, err: &l.said}, place: place{config: l.file, data: dir}, next: make(chan again, 1),
		pace: &pace{do: func(f func()) { l.queue <- f }}}
	i, err := start(l.console, l.place, l.asked)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	if err := l.make(ctx, test.NewTempApp(t), i); err != nil {
		t.Fatal(err)
	}
	l.begin(i)
	return l
}

func (l *lived) write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(l.file, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ends has it finish, and gives with what.
func (l *lived) ends() error {
	err := l.finish()
	if l.views != nil {
		l.views.Close()
	}
	return err
}

// TestLifeAnew starts the gateway anew with a changed file; the window shows that one, at the same page.
func TestLifeAnew(t *testing.T) {
	l := live(t)
	l.write(t, strings.Replace(officeFile, "Front office", "Back office", 1))
	before := l.life
	l.startAgain()
	if l.life != nil {
		t.Error("the old life goes on")
	}
	l.startAgain() // which is being done: one that waits for the other would never end
	l.work.Wait()
	<-before.fed
	l.views.Mend(ui.PlacePBX)
	(<-l.queue)()
	if name, _ := l.model.Name.Get(); l.life == nil || name != "Back office" || l.setup.gateway != l.life.i.gateway {
		t.Errorf("after the start it is %q", name)
	}
	if err := l.finish(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if at := l.views.At(); at != ui.PlacePBX { // which nothing is once they are closed
		t.Errorf("the page is %q now", at)
	}
	l.views.Close()
}

// TestLifeChanges shows another name and another owner as soon as the gateway knows them.
func TestLifeChanges(t *testing.T) {
	l := live(t)
	began := l.life
	g := began.i.gateway
	now, err := g.Settings()
	if err != nil {
		t.Fatal(err)
	}
	bob := map[string]json.RawMessage{"name": json.RawMessage(`"bob"`)}
	if _, err := g.Change(now.Version, []gateway.SettingsChange{{Set: "name", To: json.RawMessage(`"Back office"`)}, {Add: "user", Entry: bob},
		{Set: "audio.owner", To: json.RawMessage(`"bob"`)}}); err != nil {
		t.Fatal(err)
	}
	(<-l.queue)() // the name
	owner, deadline := "", time.Now().Add(20*time.Second)
	for owner, _ = l.model.Owner.Get(); owner != "bob" && time.Now().Before(deadline); owner, _ = l.model.Owner.Get() {
		time.Sleep(10 * time.Millisecond)
	}
	if name, _ := l.model.Name.Get(); owner != "bob" || name != "Back office" || l.window.Title() != "Back office – Cordboard" || l.life != began {
		t.Errorf("it is %q under %q, and %s's", name, l.window.Title(), owner)
	}
	if err := l.ends(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestLifeFails when the gateway can't be started anew: the window ends, and says why.
func TestLifeFails(t *testing.T) {
	l := live(t)
	l.write(t, "name = [")
	l.startAgain()
	(<-l.queue)()
	if l.life != nil {
		t.Error("there is a life")
	}
	l.says(t, l.file, "Line 1")
	l.quit()
	if err := l.ends(); !errors.Is(err, errSaid) || !strings.Contains(l.said.String(), "cordboard.toml:1: ") {
		t.Errorf("ended with %v, and wrote %s", err, &l.said)
	}
}

// TestLifeEndsBySurprise when a part of the gateway fails: the window says so, and what was written.
func TestLifeEndsBySurprise(t *testing.T) {
	l := live(t)
	l.rest()
	l.fail(fmt.Errorf("start: %w", errors.New("the disk is full\nand so on")))
	l.says(t, "The disk is full", "Cordboard has stopped")
	if l.asked(true, "201"); len(l.queue) != 1 {
		t.Error("a link was not taken")
	}
	(<-l.queue)() // is shown to nobody
	if err := l.ends(); !errors.Is(err, errSaid) || !strings.Contains(l.said.String(), "cordboard: start: the disk is full") {
		t.Errorf("ended with %v, and wrote %s", err, &l.said)
	}
}

// rest ends gateway and feed, so that the views are the test's.
func (l *lived) rest() {
	l.life.stop()
	<-l.life.fed
	l.life.ended <- <-l.life.ended // which writes nothing any more
}

// says wants words in the window.
func (l *lived) says(t *testing.T, all ...string) {
	t.Helper()
	markup := strings.Join(strings.Fields(test.RenderToMarkup(l.window.Canvas())), " ")
	for _, words := range all {
		if !strings.Contains(markup, words) {
			t.Errorf("the window does not say %q", words)
		}
	}
}

// busy is an office in which so many call.
type busy struct {
	ui.Office
	calls int
}

func (b busy) Calls() int { return b.calls }

// TestQuitAsks before it ends calls, also those of others.
func TestQuitAsks(t *testing.T) {
	l := live(t)
	l.office = busy{l.office, 3}
	l.rest()
	if l.quit(); l.window.Canvas().Overlays().Top() == nil {
		t.Error("it ends calls unasked")
	}
	l.says(t, "3 calls would end")
	if err := l.ends(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestLifeUnseen ends a gateway that was started anew, but came too late for the window.
func TestLifeUnseen(t *testing.T) {
	for name, file := range map[string]string{"started": officeFile, "not started": "name = ["} {
		l := live(t)
		l.write(t, file)
		l.startAgain()
		if err := l.ends(); (err != nil) != (name == "not started") {
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}

//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// album keeps pictures of screens, of the whole window and of a narrow one.
type album struct {
	*screen
	dir   string
	looks string // as the pictures' names have it
}

// keeps takes pictures of what is on the screen.
func (a *album) keeps(name string) {
	a.t.Helper()
	for _, width := range []int{400, 1280} {
		if a.shown.Dx() != width {
			a.size("Cordboard", width, map[int]int{400: 700, 1280: 800}[width])
			stale := a.picture()
			within(patience, func() bool { return !bytes.Equal(stale.Pix, a.picture().Pix) })
		}
		before := a.picture()
		within(patience, func() bool { // until nothing moves, at least for a moment
			time.Sleep(200 * time.Millisecond)
			now := a.picture()
			defer func() { before = now }()
			return bytes.Equal(before.Pix, now.Pix)
		})
		a.save(filepath.Join(a.dir, fmt.Sprintf("%s-%s-%d.png", name, a.looks, width)))
	}
}

// Pictures of every screen, for people to look at, come into the folder CORDBOARD_SHOTS.
func TestScreens(t *testing.T) {
	dir := os.Getenv("CORDBOARD_SHOTS")
	if dir == "" {
		t.Skip("CORDBOARD_SHOTS names no folder for pictures")
	}
	for _, looks := range []string{"light", "dark"} {
		t.Run(looks, func(t *testing.T) { walk(t, dir, looks) })
		t.Run("first start, "+looks, func(t *testing.T) { firstStart(t, dir, looks) })
	}
}

// walk goes through the screens of a window that is light or dark.
func walk(t *testing.T, dir, looks string) {
	o := sitDown(t, startScreen(t), gatewayOptions{Left: fmt.Sprintf(`{"appearance":%q}`, looks)})
	a := &album{o.screen, dir, looks}
	a.keeps("first")
	o.two.startOver()
	o.two.dial(t, "101")
	o.shows(t, "Incoming call")
	a.keeps("incoming")
	o.key("Escape")
	o.wantFree(t)
	o.two.dial(t, "101")
	o.shows(t, "Incoming call")
	o.key("space")
	o.shows(t, "In a call")
	time.Sleep(2 * time.Second) // until the quality is known
	a.keeps("call")
	o.key("t")
	o.shows(t, "Ask first")
	a.keeps("transfer")
	o.writes("201")
	o.click(t, "Ask first")
	o.one.wantEvent(t, "CALL_INCOMING")
	o.one.answer(t)
	o.shows(t, "Swap")
	a.keeps("two-calls")
	o.click(t, "Join")
	o.shows(t, "In the conference")
	a.keeps("conference")
	o.one.hangUp(t)
	o.two.hangUp(t)
	o.wantFree(t)
	o.two.dial(t, "101")
	o.shows(t, "Incoming call")
	o.two.hangUp(t)
	o.shows(t, "just now · missed")
	a.keeps("idle")
	for _, part := range []string{"People", "Recent"} {
		o.size("Front office", 400, 700)
		o.click(t, part)
		a.keeps(part)
	}
	o.click(t, asIcon+"do-not-disturb")
	o.shows(t, "Do not disturb")
	a.keeps("busy")
	o.click(t, asIcon+"settings")
	for _, page := range []string{"Sound", "Telephone system", "Users", "Neighbours", "Certificate", "Recording", "This computer", "About"} {
		o.click(t, page)
		a.keeps("settings-" + page)
	}
	o.wantQuit(t)
}

// firstStart goes through the steps of a first start.
func firstStart(t *testing.T, dir, looks string) {
	a := &album{startScreen(t), dir, looks}
	deskSound(t)
	startGateway(t, gatewayOptions{Extra: withDesk, On: a.screen, Left: fmt.Sprintf(`{"appearance":%q}`, looks)})
	a.fill("Cordboard")
	for _, step := range []string{"Welcome to Cordboard", "Your telephone system", "Sound", "With this computer", "Colleagues"} {
		a.shows(t, step)
		a.keeps("wizard-" + step)
		if step != "Colleagues" {
			a.click(t, "Skip")
		}
	}
}

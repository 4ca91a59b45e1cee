//go:build e2e

package e2e

import "testing"

// A window that is closed stays in the tray, from where calls are answered and the window comes back; one that starts with the computer
// begins there.
func TestWindowInTray(t *testing.T) {
	screen := startScreen(t)
	tray := screen.startTray(t)
	o := sitDown(t, screen, gatewayOptions{Flags: []string{"--hidden"}})
	part := o.parts(t)
	part("begins hidden", func(t *testing.T) {
		tray.choose("Show Cordboard")
		o.fill("Front office")
		o.shows(t, "Ready")
		tray.choose("Do not disturb")
		o.shows(t, "Do not disturb")
		tray.choose("Do not disturb")
		o.shows(t, "Ready")
	})
	part("is called while closed", func(t *testing.T) {
		o.closes()
		o.two.dial(t, "101")
		tray.wantTold("Carol Reed")
		o.fill("Front office") // it came up
		o.shows(t, "Incoming call")
		tray.choose("Answer")
		o.shows(t, "In a call")
		o.closes()
		tray.choose("Show Cordboard")
		o.fill("Front office")
		o.shows(t, "In a call") // it went on
		o.click(t, "Hang up")
		o.wantFree(t)
	})
	part("quits", func(t *testing.T) {
		tray.choose("Quit")
		<-o.gateway.done
		if o.gateway.err != nil {
			t.Errorf("the window ended with %v", o.gateway.err)
		}
	})
}

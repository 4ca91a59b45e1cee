package ui

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"cordboard/gateway/call"
)

// fakeTray keeps what is shown, and how often the menu was made.
type fakeTray struct {
	menu  *fyne.Menu
	icon  fyne.Resource
	menus int
}

func (f *fakeTray) SetSystemTrayMenu(m *fyne.Menu)    { f.menu, f.menus = m, f.menus+1 }
func (f *fakeTray) SetSystemTrayIcon(r fyne.Resource) { f.icon = r }

// words are the menu's, a separator is "-" and a check mark "*".
func (f *fakeTray) words() string {
	var all []string
	for _, i := range f.menu.Items {
		switch {
		case i.IsSeparator:
			all = append(all, "-")
		case i.Checked:
			all = append(all, "*"+i.Label)
		default:
			all = append(all, i.Label)
		}
	}
	return strings.Join(all, ", ")
}

func (f *fakeTray) press(t *testing.T, label string) {
	t.Helper()
	i := slices.IndexFunc(f.menu.Items, func(i *fyne.MenuItem) bool { return i.Label == label })
	if i < 0 {
		t.Fatalf("the menu has no %q: %s", label, f.words())
	}
	f.menu.Items[i].Action()
}

func TestTray(t *testing.T) {
	s := open(t, 1120, 720)
	host, raised, quit := &fakeTray{}, 0, 0
	tray := NewTray(s.model, s.phone, host, func() { raised++ }, func() { quit++ }, s.Tell)
	t.Cleanup(tray.Close)
	const quiet = "Do not disturb, Show Cordboard, -, Quit"
	set := func(busy bool, calls ...call.DeskCall) {
		_ = s.model.Desk.Set(call.DeskState{Ready: true, Owner: "alice", Busy: busy, Calls: calls})
	}
	ended := s.talking("e", "bob")
	ended.State = call.Ended
	for _, tt := range []struct {
		name       string
		busy       bool
		calls      []call.DeskCall
		icon, menu string
	}{
		{"idle", false, nil, "cord", quiet},
		{"ringing", false, []call.DeskCall{s.rings("a", "bob", "")}, "bell", "Answer, Decline, -, " + quiet},
		{"another rings", false, []call.DeskCall{s.rings("b", "bob", "")}, "bell", "Answer, Decline, -, " + quiet},
		{"talking", false, []call.DeskCall{s.talking("b", "bob")}, "call", quiet},
		{"talking, and one rings", false, []call.DeskCall{s.talking("b", "bob"), s.rings("c", "carol", "")}, "bell", "Answer, Decline, -, " + quiet},
		{"over", false, []call.DeskCall{ended}, "cord", quiet},
		{"do not disturb", true, nil, "do-not-disturb", "*" + quiet},
		{"talking undisturbed", true, []call.DeskCall{s.talking("b", "bob")}, "call", "*" + quiet},
	} {
		set(tt.busy, tt.calls...)
		if host.icon.Name() != "cordboard-"+tt.icon+".png" || host.words() != tt.menu {
			t.Errorf("%s: icon %s, menu %s, want %s, %s", tt.name, host.icon.Name(), host.words(), tt.icon, tt.menu)
		}
	}
	menus := host.menus
	set(true, s.talking("b", "carol"))
	if host.menus != menus {
		t.Error("a menu that may be open is made anew although nothing in it changes")
	}
	set(false, s.rings("a", "bob", ""))
	host.press(t, "Decline")
	host.press(t, "Answer")
	host.press(t, "Do not disturb")
	host.press(t, "Show Cordboard")
	host.press(t, "Quit")
	s.wants(t, "hang up a", "answer a", "do not disturb true")
	if raised != 2 || quit != 1 {
		t.Errorf("shown %d times, quit %d times", raised, quit)
	}
	s.phone.err = &call.DeskFault{Message: "This call is over."}
	host.press(t, "Decline")
	if !s.reads("This call is over.") {
		t.Error("it does not tell what could not be done")
	}
	tray.Close()
	menus = host.menus
	set(true)
	if host.menus != menus {
		t.Error("it follows the phone after its end")
	}
}

var update = flag.Bool("update", false, "write the program's icon anew")

// iconFile is the program's icon for packages and for other programs.
const iconFile = "../../packaging/cordboard.png"

// TestIconFile compares the icon that packages have with the drawing of the set. go test ./app/ui -run IconFile -update makes it.
func TestIconFile(t *testing.T) {
	made := IconPNG(512)
	if *update {
		if err := os.WriteFile(iconFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(iconFile)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := pixels(t, made), pixels(t, kept); a.Bounds() != b.Bounds() || differ(a, b) > 0.001 {
		t.Errorf("%s is not as the set has it: make it anew by go test ./app/ui -run IconFile -update", iconFile)
	}
}

func pixels(t *testing.T, file []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// differ is the share of pixels that differ by more than another processor's rounding.
func differ(a, b image.Image) float64 {
	n, all := 0, a.Bounds().Dx()*a.Bounds().Dy()
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, al := a.At(x, y).RGBA()
			r2, g2, b2, al2 := b.At(x, y).RGBA()
			for _, d := range []int{int(r) - int(r2), int(g) - int(g2), int(bl) - int(b2), int(al) - int(al2)} {
				if d > 0x400 || d < -0x400 {
					n++
					break
				}
			}
		}
	}
	return float64(n) / float64(all)
}

// TestTrayIconsDiffer says that each state has a picture of its own, with something drawn on its ground.
func TestTrayIconsDiffer(t *testing.T) {
	test.NewTempApp(t)
	states := []string{"idle", "ringing", "busy", "do not disturb"}
	for i, a := range states {
		one := pixels(t, trayIcon(a).Content())
		if one.Bounds().Dx() != traySize || one.Bounds().Dy() != traySize {
			t.Errorf("%s is %v", a, one.Bounds())
		}
		ground, ink := one.At(traySize/2, 2), 0
		for y := range traySize {
			for x := range traySize {
				if one.At(x, y) != ground {
					ink++
				}
			}
		}
		if ink < traySize*traySize/20 {
			t.Errorf("%s has only %d pixels of ink", a, ink)
		}
		for _, b := range states[i+1:] {
			if share := differ(one, pixels(t, trayIcon(b).Content())); share < 0.2 {
				t.Errorf("%s and %s differ in only %.0f %%", a, b, 100*share)
			}
		}
	}
}

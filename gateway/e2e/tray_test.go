//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// tray is what a desktop has beside the window: icons with menus (StatusNotifierItem) and notifications, on a bus of the test's own.
type tray struct {
	t    *testing.T
	bus  *dbus.Conn
	mu   sync.Mutex
	item string   // on the bus, of who has an icon; empty: nobody
	told []string // notifications: title and text
}

// startTray makes a desktop's bus, on which the window that is opened then finds a tray.
func (s *screen) startTray(t *testing.T) *tray {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("start a bus: %v", err)
	}
	defer read.Close()
	cmd := exec.Command(program(t, "dbus-daemon"), "--session", "--nofork", "--print-address=3", "--address=unix:tmpdir=/tmp")
	cmd.ExtraFiles = []*os.File{write}
	start(t, "dbus-daemon", cmd)
	write.Close()
	address, err := bufio.NewReader(read).ReadString('\n') // ends with the daemon, too
	if err != nil {
		t.Fatalf("start a bus: dbus-daemon tells no address: %v", err)
	}
	address = strings.TrimSpace(address)
	tray := &tray{t: t}
	if tray.bus, err = dbus.Connect(address); err != nil {
		t.Fatalf("start a bus: %v", err)
	}
	t.Cleanup(func() { tray.bus.Close() })
	for _, service := range []struct{ name, path string }{
		{"org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"}, {"org.freedesktop.Notifications", "/org/freedesktop/Notifications"},
	} {
		err := tray.bus.Export(tray, dbus.ObjectPath(service.path), service.name)
		if err == nil {
			_, err = tray.bus.RequestName(service.name, dbus.NameFlagDoNotQueue)
		}
		if err != nil {
			t.Fatalf("start a tray: %v", err)
		}
	}
	s.bus = address
	return tray
}

// RegisterStatusNotifierItem is a program's that has an icon.
func (t *tray) RegisterStatusNotifierItem(from dbus.Sender, _ string) *dbus.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.item = string(from)
	return nil
}

// Notify is a program's that tells something.
func (t *tray) Notify(_ string, _ uint32, _, title, text string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = append(t.told, title+": "+text)
	return uint32(len(t.told)), nil
}

// wantTold waits for a notification.
func (t *tray) wantTold(words string) {
	t.t.Helper()
	eventually(t.t, patience, "notification "+words, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return strings.Contains(strings.Join(t.told, "\n"), words)
	})
}

// entry is one of a menu (com.canonical.dbusmenu).
type entry struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

// choose presses an entry of the icon's menu, once it is there.
func (t *tray) choose(label string) {
	t.t.Helper()
	eventually(t.t, patience, "entry "+label+" in the tray's menu", func() bool {
		t.mu.Lock()
		item := t.item
		t.mu.Unlock()
		if item == "" {
			return false
		}
		menu := t.bus.Object(item, "/StatusNotifierMenu")
		var revision uint32
		var root entry
		if err := menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
			return false
		}
		for _, child := range root.Children {
			var e entry
			if err := dbus.Store([]any{child.Value()}, &e); err != nil {
				t.t.Fatalf("read the tray's menu: %v", err)
			}
			enabled, known := e.Props["enabled"].Value().(bool)
			if e.Props["label"].Value() == label && (enabled || !known) {
				return menu.Call("com.canonical.dbusmenu.Event", 0, e.ID, "clicked", dbus.MakeVariant(0), uint32(0)).Err == nil
			}
		}
		return false
	})
}

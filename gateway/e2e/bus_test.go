//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// bus is the D-Bus of a session, with a tray and a service for notifications on it, as a desktop has them.
type bus struct {
	t       *testing.T
	address string
	conn    *dbus.Conn
	items   chan string // names of those who show an icon
	notices chan string // notifications: title and text
}

// startBus runs the bus until the test ends.
func startBus(t *testing.T) *bus {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("start the session's bus: %v", err)
	}
	defer read.Close()
	// A configuration of our own, so that no service of this machine is started.
	config := filepath.Join(t.TempDir(), "bus.conf")
	if err := os.WriteFile(config, []byte(`<busconfig><type>session</type><listen>unix:dir=`+filepath.Dir(config)+`</listen>`+
		`<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatalf("start the session's bus: %v", err)
	}
	cmd := exec.Command(program(t, "dbus-daemon"), "--config-file="+config, "--nofork", "--print-address=3")
	cmd.ExtraFiles = []*os.File{write}
	start(t, "dbus-daemon", cmd)
	write.Close()
	b := &bus{t: t, items: make(chan string, 4), notices: make(chan string, 4)}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("start the session's bus: it tells no address: %v", err)
	}
	b.address = strings.TrimSpace(line)
	if b.conn, err = dbus.Connect(b.address); err != nil {
		t.Fatalf("join the session's bus: %v", err)
	}
	t.Cleanup(func() { b.conn.Close() })
	return b
}

// serve puts a service on the bus.
func (b *bus) serve(name string, path dbus.ObjectPath, service any) {
	b.t.Helper()
	if err := b.conn.Export(service, path, name); err != nil {
		b.t.Fatalf("serve %s: %v", name, err)
	}
	if reply, err := b.conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatalf("serve %s: %v, %v", name, reply, err)
	}
}

// tray is where icons are shown (StatusNotifierItem).
type tray struct{ *bus }

func (t tray) RegisterStatusNotifierItem(_ string, sender dbus.Sender) *dbus.Error {
	t.items <- string(sender)
	return nil
}

// bulletin shows notifications (Desktop Notifications Specification).
type bulletin struct{ *bus }

func (n bulletin) Notify(_ string, _ uint32, _, title, text string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	n.notices <- title + ": " + text
	return 1, nil
}

// item is a menu entry: an ID, properties, and entries below (com.canonical.dbusmenu).
type item struct {
	ID         int32
	Properties map[string]dbus.Variant
	Below      []dbus.Variant
}

// menu gives what stands in the menu of an icon, with the IDs by the words.
func (b *bus) menu(owner string) (words string, ids map[string]int32) {
	b.t.Helper()
	var revision uint32
	var top item
	err := b.conn.Object(owner, "/StatusNotifierMenu").Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &top)
	if err != nil {
		b.t.Fatalf("read the tray's menu: %v", err)
	}
	ids = make(map[string]int32)
	var all []string
	for _, v := range top.Below {
		var entry item
		if err := dbus.Store([]any{v.Value()}, &entry); err != nil {
			b.t.Fatalf("read the tray's menu: %v", err)
		}
		label, _ := entry.Properties["label"].Value().(string)
		if on, _ := entry.Properties["toggle-state"].Value().(int32); on == 1 {
			label = "*" + label
		}
		all = append(all, label)
		ids[label] = entry.ID
	}
	return strings.Join(all, ","), ids
}

// press chooses an entry of the menu.
func (b *bus) press(owner, label string) {
	b.t.Helper()
	words, ids := b.menu(owner)
	id, there := ids[label]
	if !there {
		b.t.Fatalf("the tray's menu has no %q: %s", label, words)
	}
	if err := b.conn.Object(owner, "/StatusNotifierMenu").Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err; err != nil {
		b.t.Fatalf("press %s: %v", label, err)
	}
}

// icon is the picture that is shown: width, and the colour in the middle of its upper edge, as alpha, red, green and blue.
func (b *bus) icon(owner string) (width int32, ground [4]byte) {
	b.t.Helper()
	v, err := b.conn.Object(owner, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem.IconPixmap")
	if err != nil {
		b.t.Fatalf("read the tray's icon: %v", err)
	}
	var pictures []struct {
		W, H   int32
		Pixels []byte
	}
	if err := dbus.Store([]any{v.Value()}, &pictures); err != nil || len(pictures) != 1 || len(pictures[0].Pixels) != int(4*pictures[0].W*pictures[0].H) {
		b.t.Fatalf("read the tray's icon: %v", err)
	}
	p := pictures[0]
	return p.W, [4]byte(p.Pixels[4*(2*p.W+p.W/2):])
}

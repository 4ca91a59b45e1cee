package neighbour

import (
	"io"
	"net"
	"testing"

	"cordboard/discovery"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// open is a machine that takes strangers or not.
func open(t *testing.T, name string, strangers bool) *machine {
	t.Helper()
	identity, err := cert.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return startMachineThat(t, name, identity, &memory{by: make(map[string]call.Neighbour)}, strangers)
}

// with is the machine's announcement with a host.
func (m *machine) with(host string) discovery.Neighbour {
	a := m.announcement()
	a.Host = host
	return a
}

// refused says whether the other end closes the connection instead of letting it be.
func refused(t *testing.T, conn net.Conn, err error) bool {
	t.Helper()
	if err != nil {
		return true
	}
	defer conn.Close()
	_, err = io.ReadFull(conn, make([]byte, 1)) // TLS 1.3 tells the client of a refusal after the handshake
	return err != nil
}

func TestStrangersOnlyWhereTheyMay(t *testing.T) {
	for _, may := range []bool{false, true} {
		a, b := open(t, "Office 1", true), open(t, "Office 2", may)
		a.sees(b.with("office-2"))
		n, ok := a.Stranger("Office-2.local")
		if !ok || n.ID != b.ID() || n.Name != "Office 2" {
			t.Fatalf("Stranger: %+v, %v", n, ok)
		}
		if _, ok := b.Stranger("office-1.local"); ok {
			t.Error("a stranger that is not announced")
		}
		if conn, err := a.Dial(t.Context(), b.ID()); !refused(t, conn, err) {
			t.Error("taken without an announcement")
		}
		b.sees(a.with("office-1"))
		if conn, err := a.dialAt(t.Context(), b.at, protoPeople, b.Fingerprint()); !refused(t, conn, err) {
			t.Error("a stranger learns how people are doing")
		}
		conn, err := a.Dial(t.Context(), b.ID())
		if !may {
			if !refused(t, conn, err) {
				t.Error("a stranger's connection is taken where strangers may not call")
			}
			if _, ok := b.Stranger("office-1.local"); ok {
				t.Error("strangers may be called where they may not call")
			}
			continue
		}
		if err != nil {
			t.Fatalf("Dial: %v", err)
		}
		defer conn.Close()
		if got := <-b.links; got != "Office 1 at office-1.local" {
			t.Errorf("the stranger is %q", got)
		}
		second, err := a.Dial(t.Context(), b.ID())
		if err != nil {
			t.Fatalf("Dial again: %v", err)
		}
		defer second.Close()
		<-b.links
		third, err := a.Dial(t.Context(), b.ID())
		if !refused(t, third, err) {
			t.Error("a stranger has more connections than it may")
		}
	}
}

func TestStrangerIsWhoItAnnounces(t *testing.T) {
	a, b, c := open(t, "Office 1", true), open(t, "Office 2", true), open(t, "Office 3", true)
	posing := c.with("office-2")
	posing.ID, posing.Fingerprint = b.ID(), b.Fingerprint() // c's address and port
	a.sees(posing)
	if conn, err := a.Dial(t.Context(), b.ID()); err == nil {
		conn.Close()
		t.Error("another machine is taken for the announced one")
	}
	a.sees(b.with("office-2"), c.with("office-2"))
	if n, ok := a.Stranger("office-2.local"); ok {
		t.Errorf("of two with one address it is %s", n.Name)
	}
	a.sees(b.with("office-2"), b.with("office-2"), c.with("office 3"))
	if n, ok := a.Stranger("office-2.local"); !ok || n.ID != b.ID() {
		t.Errorf("announced twice: %+v, %v", n, ok)
	}
	for _, address := range []string{"", "office 3.local", "office-9.local", "office-2"} {
		if n, ok := a.Stranger(address); ok {
			t.Errorf("Stranger(%q) is %s", address, n.Name)
		}
	}
	pair(t, a, b)
	if _, ok := a.Stranger("office-2.local"); ok {
		t.Error("once paired it is a stranger still")
	}
}

//go:build !headless && cgo

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"cordboard/app/ui"
	"cordboard/gateway"
	"cordboard/gateway/call"
	"cordboard/gateway/cert/trust"
)

const officeFile = `# the office's
name = "Front office" # on the door

[listen]
https = "127.0.0.1:0"
media = "127.0.0.1:0"
sip   = "127.0.0.1:0"

[audio]
enabled = false # no card here
noise = true

[[user]]
name = "alice"
password = "correct horse battery"
`

// working is an office whose gateway runs; its answers come by done.
type working struct {
	*office
	file string
	done chan func()
}

// openOffice runs a gateway with a configuration file of its own.
func openOffice(t *testing.T) *working {
	t.Helper()
	dir := t.TempDir()
	w := &working{file: filepath.Join(dir, "cordboard.toml"), done: make(chan func(), 16)}
	if err := os.WriteFile(w.file, []byte(officeFile), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := gateway.Load(w.file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, gateway.Host{Dir: dir, Config: w.file, Version: "test", Page: fstest.MapFS{"index.html": {}}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	var work sync.WaitGroup
	w.office = &office{ctx: ctx, work: &work, gateway: func() *gateway.Gateway { return g }, lists: trust.Lists, do: func(f func()) { w.done <- f }}
	t.Cleanup(func() {
		stop()
		work.Wait()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return w
}

// wait lets one answer come.
func (w *working) wait() { (<-w.done)() }

func (w *working) read(t *testing.T) (c ui.Config) {
	t.Helper()
	w.ReadConfig(func(got ui.Config, err error) {
		if err != nil {
			t.Error(err)
		}
		c = got
	})
	w.wait()
	return c
}

func (w *working) change(version string, changes ...ui.Change) (err error) {
	w.ChangeConfig(version, changes, func(got error) { err = got })
	w.wait()
	return err
}

// TestOfficeConfig writes settings and reads them back; the file keeps its comments, and what is wrong is said of its key.
func TestOfficeConfig(t *testing.T) {
	w := openOffice(t)
	c := w.read(t)
	if c.Values["name"] != "Front office" || len(c.Waiting) > 0 {
		t.Fatalf("read %+v", c)
	}
	if err := w.change(c.Version, ui.Change{Set: "audio.noise", To: false}, ui.Change{Set: "recording.enabled", To: "ask"},
		ui.Change{Add: "pbx", Entry: map[string]any{"name": "line", "uri": "sip:127.0.0.1:1", "mode": "peer", "username": nil}}); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(officeFile, "noise = true", "noise = false", 1) + "\n[[pbx]]\nname = \"line\"\nuri = \"sip:127.0.0.1:1\"\nmode = \"peer\"\n\n[recording]\nenabled = \"ask\"\n"
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# the office's", "# on the door", "noise = false", "# no card here", "mode = \"peer\"", "[recording]\nenabled = \"ask\""} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the file has no %q:\n%s\nas in\n%s", part, text, want)
		}
	}
	now := w.read(t)
	if len(now.Waiting) > 0 {
		t.Errorf("waits: %v, though a PBX is used at once", now.Waiting)
	}
	if err := w.change(c.Version, ui.Change{Set: "name", To: "x"}); !errors.Is(err, ui.ErrChangedMeanwhile) {
		t.Errorf("an old version: %v", err)
	}
	var refused *ui.Refused
	if err := w.change(now.Version, ui.Change{Set: "pbx[0].uri", To: "sip:"}); !errors.As(err, &refused) || refused.Faults[0].Key != "pbx[0].uri" || strings.HasPrefix(refused.Faults[0].Problem, "[") {
		t.Errorf("a wrong address: %v", err)
	}
	if err := w.change(now.Version, ui.Change{Set: "name", To: strings.Repeat("x", 99)}); !errors.As(err, &refused) || refused.Faults[0] != (ui.Fault{Key: "name", Problem: "Want at most 64 characters, none of them a control character"}) {
		t.Errorf("a long name: %+v", err)
	}
	if err := os.WriteFile(w.file, []byte("nam = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.ReadConfig(func(_ ui.Config, got error) { err = got })
	if w.wait(); !errors.As(err, &refused) {
		t.Errorf("a faulty file: %v", err)
	}
}

// TestOfficeUsers adds, changes and removes.
func TestOfficeUsers(t *testing.T) {
	w := openOffice(t)
	none, secret := "", "pbx-secret"
	put := func(u ui.User, add bool) (password string, err error) {
		w.PutUser(u, add, func(p string, e error) { password, err = p, e })
		w.wait()
		return password, err
	}
	made, err := put(ui.User{Name: "bob", Display: "Bob", Extension: "102", PBXPassword: &secret, Password: &none}, true)
	if err != nil || made == "" {
		t.Fatalf("made %q, %v", made, err)
	}
	var refused *ui.Refused
	if _, err := put(ui.User{Name: "carol", Extension: "102", Password: &none}, true); !errors.As(err, &refused) || refused.Faults[0].Key != "extension" {
		t.Errorf("a taken extension: %v", err)
	}
	if made, err := put(ui.User{Name: "alice", Display: "Alice Doe", Admin: true}, false); err != nil || made != "" {
		t.Errorf("made %q, %v", made, err)
	}
	var all []ui.User
	w.Users(func(got []ui.User, err error) { all = got })
	if w.wait(); len(all) != 2 || all[0].Display != "Alice Doe" || !all[0].InFile || !all[0].Owner || !all[1].OneTime || !all[1].HasPBXPassword {
		t.Errorf("users are %+v", all)
	}
	if text, _ := os.ReadFile(w.file); !strings.Contains(string(text), "display = \"Alice Doe\"") || !strings.Contains(string(text), "# on the door") {
		t.Errorf("the file is\n%s", text)
	}
	for _, want := range []string{"", "no user of that name"} {
		w.RemoveUser("bob", func(got error) { err = got })
		if w.wait(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("removed: %v, want %q", err, want)
		}
	}
}

// TestOfficeRest asks for the certificate, the doctor, where things are, and for neighbours that nobody has announced.
func TestOfficeRest(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", "")
	w := openOffice(t)
	certificate := func() (c ui.Certificate) {
		w.Certificate(func(got ui.Certificate, err error) {
			if err != nil {
				t.Error(err)
			}
			c = got
		})
		w.wait()
		return c
	}
	c := certificate()
	if !c.Own || len(c.Names) == 0 || time.Until(c.Until) < 24*time.Hour || !strings.HasPrefix(c.Authority, "Cordboard ") || len(c.Fingerprint) != 95 {
		t.Errorf("certificate %+v", c)
	}
	if len(c.Lists) > 0 && c.Lists[0].Lacks == "" {
		w.Trust(c.Lists[0].ID, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		if w.wait(); c.Lists[0].Trusts || !certificate().Lists[0].Trusts {
			t.Error("the list does not trust it after it was asked to, or did before")
		}
	}
	w.Trust("99", func(err error) {
		if err == nil {
			t.Error("there is a list 99")
		}
	})
	w.wait()
	w.Examine(func(all []ui.Finding, err error) {
		if err != nil || len(all) < 4 || !all[0].Well {
			t.Errorf("found %+v, %v", all, err)
		}
	})
	w.wait()
	if a := w.About(); a.File != w.file || a.Folder != filepath.Dir(w.file) || len(a.Pages) == 0 || len(a.Countries) < 10 {
		t.Errorf("about: %+v", a)
	}
	told := 0
	stop := w.Neighbours(func([]call.NeighbourState) { told++ })
	if stop == nil || told != 1 {
		t.Fatalf("told of neighbours %d times", told)
	}
	stop()
	var err error
	w.Pair("nobody", func(_ call.Pairing, got error) { err = got })
	if w.wait(); err == nil || !strings.Contains(err.Error(), "No neighbour of that name") {
		t.Errorf("pair: %v", err)
	}
	w.Same("nobody", "123456", true, func(got error) { err = got })
	if w.wait(); err == nil {
		t.Error("nobody showed the same code")
	}
	w.Forget("nobody", func(got error) { err = got })
	if w.wait(); err == nil {
		t.Error("nobody was forgotten")
	}
}

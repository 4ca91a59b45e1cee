//go:build !headless && cgo

package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"cordboard/app/ui"
	"cordboard/gateway"
	"cordboard/gateway/call"
)

// setUp is the first start of a gateway that runs; its answers come by done.
func setUp(t *testing.T) (s *setup, w *working) {
	t.Helper()
	w = openOffice(t)
	log := slog.New(slog.DiscardHandler)
	set := newSettings(t.TempDir(), nil, ui.NewModel(), nil, log)
	return &setup{gateway: w.office.gateway(), ctx: w.ctx, set: set, log: log, work: w.work, do: w.do}, w
}

// saved saves an account, and gives it as it is then.
func (s *setup) saved(w *working, a ui.Account) (saved ui.Account, err error) {
	s.SaveAccount(a, func(got ui.Account, fault error) { saved, err = got, fault })
	w.wait()
	return saved, err
}

// TestSetup goes through the first start: names and an account, which hold at once.
func TestSetup(t *testing.T) {
	s, w := setUp(t)
	if got := s.State(); !got.Wanted || got.Fresh || got.Names.Machine != "Front office" || got.Names.SignIn != "alice" || got.Account != (ui.Account{}) {
		t.Errorf("at first it is %+v", got)
	}

	told := false
	s.SaveNames(ui.Names{Machine: "Reception", SignIn: "alice", Owner: "Alice Doe"}, func(password string, err error) {
		if told = true; password != "" || err != nil {
			t.Errorf("names: %q, %v", password, err)
		}
	})
	w.wait()
	if got := s.State(); !told || got.Names.Machine != "Reception" {
		t.Errorf("after the names it is %+v", got)
	}

	kept, err := s.saved(w, ui.Account{Address: "sip:192.0.2.10", Extension: "101", Password: "secret"})
	want := ui.Account{PBX: kept.PBX, Address: "sip:192.0.2.10", Extension: "101", Saved: true}
	if err != nil || kept != want || kept.PBX == "" {
		t.Errorf("saved %+v, %v, want %+v", kept, err, want)
	}
	if got := s.State(); got.Wanted || got.Account != want {
		t.Errorf("after the account it is %+v", got)
	}
	if waits := w.read(t).Waiting; len(waits) > 0 || s.gateway.Greeting().Name != "Reception" {
		t.Errorf("%q waits for the next start; it is %q", waits, s.gateway.Greeting().Name)
	}
}

// TestSetupPutOff is not shown by itself again.
func TestSetupPutOff(t *testing.T) {
	s, _ := setUp(t)
	if s.Finished(); s.State().Wanted {
		t.Error("put off, and wanted")
	}
	if next := newSettings(strings.TrimSuffix(s.set.file, windowName), nil, ui.NewModel(), nil, s.log); !next.left.SetUp {
		t.Error("the next start does not know")
	}
}

// TestSetupFaults are told in words that people understand.
func TestSetupFaults(t *testing.T) {
	s, w := setUp(t)
	if err := s.Sample(ui.Loudspeaker); err == nil || err.Error() == "" || strings.Contains(err.Error(), "no_phone") {
		t.Errorf("a sound without a card: %v", err)
	}
	if _, err := s.saved(w, ui.Account{Address: "sip:a b", Extension: "101"}); err == nil {
		t.Error("an address with a space was saved")
	}
	if got := plainFault(fmt.Errorf("write: %w", gateway.ErrSettingsChanged)); !errors.Is(got, errMeanwhile) {
		t.Errorf("a change meanwhile: %v", got)
	}
	if err := os.WriteFile(w.file, []byte("name = ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.State(); got != (ui.SetupState{}) {
		t.Errorf("with a file that can't be read it is %+v", got)
	}
	if _, err := s.saved(w, ui.Account{Address: "sip:192.0.2.10", Extension: "101"}); err == nil {
		t.Error("saved into a file that can't be read")
	}
}

// TestSetupTries an account at a PBX that refuses it.
func TestSetupTries(t *testing.T) {
	pbx, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		refuse(pbx)
	}()
	t.Cleanup(func() { _ = pbx.Close(); <-served })
	s, w := setUp(t)
	var got call.Trial
	s.TryAccount(ui.Account{Address: "sip:" + pbx.LocalAddr().String(), Extension: "101", Password: "secret"}, func(trial call.Trial, err error) {
		if got = trial; err != nil {
			t.Error(err)
		}
	})
	w.wait()
	if got.Works || got.Code != call.TrialRefused {
		t.Errorf("tried: %+v", got)
	}
}

// refuse answers all requests with 403 until its socket is closed.
func refuse(pbx net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := pbx.ReadFrom(buf)
		if err != nil {
			return
		}
		var answer bytes.Buffer
		answer.WriteString("SIP/2.0 403 Forbidden\r\n")
		for line := range strings.Lines(string(buf[:n])) {
			name, _, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "to", "t":
				line = strings.TrimRight(line, "\r\n") + ";tag=pbx\r\n"
				fallthrough
			case "via", "v", "from", "f", "call-id", "i", "cseq":
				answer.WriteString(line)
			}
		}
		answer.WriteString("Content-Length: 0\r\n\r\n")
		_, _ = pbx.WriteTo(answer.Bytes(), from) // who asked may be gone
	}
}

// TestCalls of the window that are not up, or can't be recorded.
func TestCalls(t *testing.T) {
	w := openOffice(t)
	c := &calls{w.office.gateway(), slog.New(slog.DiscardHandler)}
	for name, do := range map[string]func() error{
		"take":   func() error { return c.Take("nothing") },
		"record": func() error { return c.Record("nothing", true) },
	} {
		var fault *call.DeskFault
		if err := do(); !errors.As(err, &fault) || fault.Message == "" {
			t.Errorf("%s a call that is not there: %v", name, err)
		}
	}
}

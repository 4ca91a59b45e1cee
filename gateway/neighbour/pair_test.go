package neighbour

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/call"
)

func TestPairingPinsBothSides(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Attic")
	b.SetName("Workshop")
	pair(t, a, b)
	for _, m := range []struct{ one, other *machine }{{a, b}, {b, a}} {
		n := m.one.book.by[m.other.ID()]
		if n.Fingerprint != m.other.Fingerprint() || n.At != m.other.at || n.Name != *m.other.name.Load() {
			t.Errorf("the book has %+v", n)
		}
	}
	if got := a.state(b.ID()).Address; got != "workshop" {
		t.Errorf("address %q, want workshop", got)
	}
	if got := b.state(a.ID()).Address; got != "front-office" {
		t.Errorf("address %q, want front-office", got)
	}
}

// Of two that pair one writes it down first, and must not take it amiss that the other does not know it yet.
func TestPairingIsWrittenDownLater(t *testing.T) {
	a, b := newMachine(t, "Front office"), newMachine(t, "Workshop")
	b.book.wait = make(chan struct{})
	p, err := a.Pair(t.Context(), b.at.String())
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	b.await(t, a.ID(), "request to pair", func(s call.NeighbourState) bool { return s.Pairing != nil })
	for _, err := range []error{a.Answer(b.ID(), p.Code, true), b.Answer(a.ID(), p.Code, true)} {
		if err != nil {
			t.Fatalf("Answer: %v", err)
		}
	}
	a.await(t, b.ID(), "paired", func(s call.NeighbourState) bool { return s.Paired })
	eventually(t, "refusal", func() bool { return b.refused.Load() > 0 })
	close(b.book.wait)
	b.people <- call.News{Lamps: []call.Lamp{{Target: "bob", Name: "Bob Roe", State: call.LampIdle}}}
	a.await(t, b.ID(), "people", func(s call.NeighbourState) bool { return len(s.People) == 1 })
	if n := a.log.count("does not know this machine"); n > 0 {
		t.Errorf("it was taken amiss:\n%s", a.log)
	}
}

func TestNobodyIsPairedUnlessBothSayYes(t *testing.T) {
	for _, tt := range []struct {
		name        string
		asker, with bool // who says no
	}{{"the asker says no", true, false}, {"the asked one says no", false, true}} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newMachine(t, "A"), newMachine(t, "B")
			p, err := a.Pair(t.Context(), b.at.String())
			if err != nil {
				t.Fatalf("Pair: %v", err)
			}
			b.await(t, a.ID(), "request to pair", func(s call.NeighbourState) bool { return s.Pairing != nil })
			if err := b.Answer(a.ID(), "not the code", true); !errors.Is(err, ErrNoPairing) {
				t.Errorf("Answer with another code: %v", err)
			}
			if tt.asker {
				b.Answer(a.ID(), p.Code, true)
				a.Answer(b.ID(), p.Code, false)
			} else {
				a.Answer(b.ID(), p.Code, true)
				b.Answer(a.ID(), p.Code, false)
			}
			for _, m := range []struct{ one, other *machine }{{a, b}, {b, a}} {
				m.one.sees(m.other.announcement())
				s := m.one.await(t, m.other.ID(), "end of the pairing", func(s call.NeighbourState) bool { return s.Pairing == nil && s.Trouble != "" })
				if s.Paired || !strings.Contains(s.Trouble, "codes are different") {
					t.Errorf("afterwards %+v", s)
				}
				if len(m.one.book.by) != 0 {
					t.Errorf("the book has %v", m.one.book.by)
				}
			}
		})
	}
}

// Who stands between two machines, with a certificate of his own, makes them show different codes.
func TestCodesDifferWhenSomebodyIsBetween(t *testing.T) {
	a, b, between := newMachine(t, "A"), newMachine(t, "B"), newMachine(t, "B")
	toBetween, err := a.Pair(t.Context(), between.at.String())
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	toB, err := between.Pair(t.Context(), b.at.String())
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	if toBetween.Code == toB.Code { // one in a million
		t.Errorf("both show %s", toB.Code)
	}
}

func TestNonceIsBound(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	conn, err := a.dialAt(t.Context(), b.at, protoPair, "")
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer conn.Close()
	one, other := newNonce(), newNonce()
	commit := commitment(a.Fingerprint(), b.Fingerprint(), one)
	in := bufio.NewReaderSize(conn, maxLine)
	writeMessage(conn, message{Name: "A", Commit: hex.EncodeToString(commit[:])})
	if m, err := readMessage(in); err != nil || len(m.Nonce) != 64 {
		t.Fatalf("answer %+v, %v", m, err)
	}
	writeMessage(conn, message{Nonce: hex.EncodeToString(other[:])})
	if m, err := readMessage(in); err == nil {
		t.Errorf("after another nonce than the one committed to: %+v", m)
	}
	if got := b.state(a.ID()); got.Pairing != nil {
		t.Errorf("people see %+v", got)
	}
	// An attempt from before, word for word, is as useless: the nonce of the other side is new.
	if codeOf("a", "b", one, other) == codeOf("a", "b", one, newNonce()) {
		t.Error("the code does not depend on the asked one's nonce")
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	b := newMachine(t, "B")
	asked := 0
	for range attemptBurst + 3 {
		a := newMachine(t, "A")
		p, err := a.Pair(t.Context(), b.at.String())
		if err == nil {
			asked++
			b.await(t, a.ID(), "request", func(s call.NeighbourState) bool { return s.Pairing != nil })
			a.Answer(b.ID(), p.Code, false)
			b.await(t, a.ID(), "its end", func(s call.NeighbourState) bool { return s.Pairing == nil })
		}
		a.stop()
	}
	if asked != attemptBurst {
		t.Errorf("%d attempts were answered, want %d", asked, attemptBurst)
	}
}

func TestWhoCanBePaired(t *testing.T) {
	a, b, c := newMachine(t, "A"), newMachine(t, "Desk"), newMachine(t, "desk")
	a.sees(b.announcement(), c.announcement(), a.announcement())
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"nobody", ErrUnknown}, {"", ErrUnknown}, {"DESK", ErrAmbiguous}, {"localhost:http-is-not-https", ErrUnknown}, {a.at.String(), errSelf},
	} {
		if _, err := a.Pair(t.Context(), tt.name); !errors.Is(err, tt.err) {
			t.Errorf("Pair(%q): %v, want %v", tt.name, err, tt.err)
		}
	}
	if p, err := a.Pair(t.Context(), b.ID()); err != nil || p.Name != "Desk" {
		t.Errorf("Pair by ID: %+v, %v", p, err)
	}
	forged := b.announcement()
	forged.ID, forged.Fingerprint = c.ID(), c.Fingerprint() // but at b's address
	a.sees(forged)
	if _, err := a.Pair(t.Context(), c.ID()); !errors.Is(err, errOther) {
		t.Errorf("Pair with who shows another certificate than announced: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	k := &Keeper{cfg: Config{Reserved: func() []string { return []string{"PBX"} }}, friends: map[string]*friend{"1": {Neighbour: call.Neighbour{Address: "front-office"}}}}
	for name, want := range map[string]string{
		"Front Office": "front-office-2", "Büro": "b-ro", "": "neighbour", "101": "neighbour-101", "desk": "desk-2", "会議室": "neighbour", "a--b ": "a-b", "Pbx": "pbx-2",
	} {
		if got := k.newAddress("2", name); got != want {
			t.Errorf("address of %q: %q, want %q", name, got, want)
		}
	}
	if got := k.newAddress("1", "Other"); got != "front-office" {
		t.Errorf("paired again it is %q", got)
	}
}

func TestCode(t *testing.T) {
	code := codeOf("a", "b", nonce{1}, nonce{2})
	if !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
		t.Errorf("code %q", code)
	}
	if code == codeOf("b", "a", nonce{1}, nonce{2}) || code == codeOf("a", "b", nonce{2}, nonce{1}) {
		t.Error("the code is the same the other way round")
	}
	if digest("l", "ab", "c") == digest("l", "a", "bc") {
		t.Error("texts run into each other")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"name":"Front office","port":8443,"commit":"00"}` + "\n"))
	f.Add([]byte(`{"accept":true}` + "\n"))
	f.Add([]byte("{\"name\":\"\u202eeciffo\\u0000\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := readMessage(bufio.NewReaderSize(strings.NewReader(string(text)), maxLine))
		if err != nil {
			return
		}
		if m.Name == "" || len([]rune(m.Name)) > maxName || m.Name != clean(m.Name) || strings.ContainsAny(m.Name, "\r\n\x00\u202e") {
			t.Errorf("name %q", m.Name)
		}
		if b, ok := bytes32(m.Nonce); ok && !strings.EqualFold(hex.EncodeToString(b[:]), m.Nonce) {
			t.Errorf("nonce %q is read as %x", m.Nonce, b)
		}
	})
}

func TestStopEndsPairing(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	if _, err := a.Pair(context.Background(), b.at.String()); err != nil {
		t.Fatalf("Pair: %v", err)
	}
	a.stop()
	b.sees(a.announcement())
	b.await(t, a.ID(), "end of the pairing", func(s call.NeighbourState) bool { return s.Pairing == nil && s.Trouble != "" })
}

// A machine that says yes and goes must not leave a request on the other's screen for ever.
func TestPairingEndsWithTheOtherAfterItsYes(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	b.sees(a.announcement())
	p, err := a.Pair(context.Background(), b.at.String())
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	b.await(t, a.ID(), "request to pair", func(s call.NeighbourState) bool { return s.Pairing != nil })
	if err := a.Answer(b.ID(), p.Code, true); err != nil {
		t.Fatalf("Answer: %v", err)
	}
	a.await(t, b.ID(), "yes said", func(s call.NeighbourState) bool { return s.Pairing != nil && s.Pairing.Waits })
	a.stop()
	b.await(t, a.ID(), "end of the pairing", func(s call.NeighbourState) bool { return s.Pairing == nil && s.Trouble != "" })
}

// The same when nobody goes: it ends in time, and with this machine.
func TestPairingEndsInTime(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lasts time.Duration
	}{{"nobody says anything here", 50 * time.Millisecond}, {"we stop", pairTime}} {
		t.Run(tt.name, func(t *testing.T) {
			b := newMachine(t, "B")
			ours, theirs := net.Pipe()
			defer theirs.Close()
			conn := tls.Client(ours, &tls.Config{InsecureSkipVerify: true})
			said := io.MultiReader(strings.NewReader(`{"accept":true}`+"\n"), theirs)
			p := &pairing{conn: conn, in: bufio.NewReader(said), answer: make(chan bool, 1)}
			p.Expires = time.Now().Add(tt.lasts)
			done := make(chan error)
			go func() { done <- b.agree(p) }()
			if tt.lasts == pairTime {
				b.end()
			}
			select {
			case err := <-done:
				if err == nil {
					t.Error("agreed, though nobody here said yes")
				}
			case <-time.After(20 * time.Second):
				t.Error("still under way")
			}
		})
	}
}

func TestFailedPairingsAreForgotten(t *testing.T) {
	b := newMachine(t, "B")
	b.trouble("impostor", kindLink, "somebody pretends")
	for i := range 10 * maxFailed {
		b.trouble(strconv.Itoa(i), kindPair, "Not paired.")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.troubles) != maxFailed+1 || b.troubles["impostor "+kindLink] == "" {
		t.Errorf("%d sentences are kept", len(b.troubles))
	}
}

// A neighbour that is reached at another address while it is forgotten stays forgotten.
func TestForgottenStaysOutOfTheBook(t *testing.T) {
	a, b := newMachine(t, "A"), newMachine(t, "B")
	pair(t, a, b)
	b.stop() // so that only the one below moves
	slow := &slowBook{Book: a.book, began: make(chan bool), release: make(chan bool)}
	a.deps.Book = slow
	moved := make(chan bool)
	go func() {
		a.moved(context.Background(), b.ID(), netip.MustParseAddrPort("127.0.0.1:9"), false)
		close(moved)
	}()
	<-slow.began
	forgotten := make(chan error, 1)
	go func() { forgotten <- a.Forget(context.Background(), b.ID()) }()
	select {
	case err := <-forgotten:
		forgotten <- err
	case <-time.After(50 * time.Millisecond): // it waits, as it should
	}
	close(slow.release)
	<-moved
	if err := <-forgotten; err != nil {
		t.Fatalf("Forget: %v", err)
	}
	if list, _ := a.book.Neighbours(t.Context()); len(list) != 0 {
		t.Errorf("the book has %+v", list)
	}
}

// slowBook takes its time to write.
type slowBook struct {
	Book
	began, release chan bool
}

func (s *slowBook) PutNeighbour(ctx context.Context, n call.Neighbour) error {
	s.began <- true
	<-s.release
	return s.Book.PutNeighbour(ctx, n)
}

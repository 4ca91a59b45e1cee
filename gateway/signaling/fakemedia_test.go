package signaling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cordboard/gateway/call"
)

// fakeMedia notes what it is asked and answers with a line that tells of it.
type fakeMedia struct {
	mu    sync.Mutex
	calls map[string]int // legs alive, by call
	waits []string       // what Wait was told

	digits []string // what Digit was told
	plays  bool     // keys; else the peer takes INFO

	pictures []string // what Picture was told

	broken  bool     // nothing can be restored
	settled bool     // a restored leg needs no offer of ours
	keyless bool     // that of a PBX needs one, too
	answers []string // what Reanswer was told
}

// note takes a call up, unless what asks for it has ended: then the call may have been deleted for good.
func (m *fakeMedia) note(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if m.calls == nil {
		m.calls = make(map[string]int)
	}
	m.calls[id]++
	return nil
}

func (m *fakeMedia) Offer(ctx context.Context, id string, _, to call.Party, offer []byte) ([]byte, error) {
	if err := m.note(ctx, id); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "offer for %s of %s", to.Profile, offer), nil
}

func (m *fakeMedia) Answer(_ context.Context, id string, _, to call.Party, answer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "answer for %s of %s", to.Profile, answer), nil
}

func (m *fakeMedia) Local(ctx context.Context, id string, _ call.Party, callee string, offer []byte) ([]byte, error) {
	if err := m.note(ctx, id); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s answers %s", callee, offer), nil
}

func (m *fakeMedia) Replace(_ context.Context, id, _ string, _ call.Party, offer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "taken over by %s", offer), nil
}

// Changes is false for descriptions with the word "same".
func (m *fakeMedia) Changes(_ string, _, _ call.Party, offer []byte) bool {
	return !strings.Contains(string(offer), "same")
}

func (m *fakeMedia) Keep(_ context.Context, id string, from, _ call.Party, offer []byte) ([]byte, error) {
	return fmt.Appendf(nil, "kept for %s of %s", from.Profile, offer), nil
}

func (m *fakeMedia) Again(_ context.Context, id string, _, to call.Party) ([]byte, error) {
	return fmt.Appendf(nil, "again for %s", to.Profile), nil
}

func (m *fakeMedia) Meet(ctx context.Context, id string, first, party call.Party, offer []byte) (toFirst, toParty []byte, err error) {
	if err := m.note(ctx, id); err != nil {
		return nil, nil, err
	}
	return fmt.Appendf(nil, "answer for %s of %s", first.Profile, offer), fmt.Appendf(nil, "%s meets %s", party.Profile, offer), nil
}

func (m *fakeMedia) Wait(id, leg string, waiting bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = append(m.waits, fmt.Sprint(id, " ", leg, " ", waiting))
}

func (m *fakeMedia) Digit(_ context.Context, id, leg string, digit rune, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.plays {
		return errors.New("by INFO")
	}
	m.digits = append(m.digits, fmt.Sprintf("%s %s %c %v", id, leg, digit, d))
	return nil
}

func (m *fakeMedia) Picture(_ context.Context, id, leg string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.plays {
		return errors.New("by INFO")
	}
	m.pictures = append(m.pictures, id+" "+leg)
	return nil
}

// waited is what Wait was told so far.
func (m *fakeMedia) waited() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.waits)
}

func (m *fakeMedia) Delete(id, leg string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if leg == "" {
		delete(m.calls, id)
	}
}

// alive counts the calls whose media nobody deleted.
func (m *fakeMedia) alive() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.calls)
}

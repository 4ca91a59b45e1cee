package signaling

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cordboard/gateway/auth"
)

// Many registrations that begin together come one after another.
func TestRegistrationsAreSpread(t *testing.T) {
	w := newWorld(t, ModeExtension)
	p := w.srv.pbxes()[0]
	w.pbx.contact("101")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	users, _ := w.srv.deps.Users.List(ctx)
	want := make(map[string]auth.Credentials)
	for _, u := range users {
		want[u.Name] = u.PBX
	}
	for i := range 2 * atOnce {
		name := fmt.Sprint("user", i)
		want[name] = auth.Credentials{Username: fmt.Sprint(300 + i), Password: "x"}
	}
	p.register(ctx, want)
	p.mu.Lock()
	var turns []time.Duration
	for user, r := range p.regs {
		if strings.HasPrefix(user, "user") {
			turns = append(turns, r.turn)
		}
	}
	p.mu.Unlock()
	slices.Sort(turns)
	if len(turns) != 2*atOnce || turns[atOnce-1] != 0 || turns[2*atOnce-1] != (atOnce-1)*registerEvery {
		t.Errorf("turns %v", turns)
	}
	for i := range 2 * atOnce {
		w.pbx.contact(fmt.Sprint(300 + i))
	}
}

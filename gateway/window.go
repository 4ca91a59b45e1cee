package gateway

import (
	"context"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/web"
)

// What a window in this process shows and does. All of it the API has, too.

// Desk gives the phone that this machine is; nil: there is none, for the reason.
func (g *Gateway) Desk() (phone web.Desk, reason string) {
	if g.desk == nil {
		return nil, g.noDesk(g.host)
	}
	return g.desk, ""
}

// Owner is the user whose device this machine is. Another one is it only when the calls of its phone are over.
func (g *Gateway) Owner(ctx context.Context) (name string, err error) {
	if g.desk != nil {
		if name := g.desk.State().Owner; name != "" {
			return name, nil
		}
	}
	name, _, err = g.deskOwner(ctx)
	return name, err
}

// Watch tells a user how all colleagues, here and at neighbours, and the user are doing, and of the user's voice mail: first all of it,
// then each change. The channel ends with ctx or the gateway.
func (g *Gateway) Watch(ctx context.Context, user string) <-chan call.News {
	return g.watch(ctx, user, []string{user})
}

// Concerns tells of trouble with the sound of a user's calls, as long as ctx goes on. It ends early for a reader that is slow.
func (g *Gateway) Concerns(ctx context.Context, user string) <-chan call.Concern {
	return g.sound.concerns(ctx, user)
}

// History gives the newest calls of a user.
func (g *Gateway) History(ctx context.Context, user string, most int) ([]call.Record, error) {
	return g.accounts.store.Calls(ctx, user, time.Time{}, most)
}

// Pop is the page about a caller that the window opens, and when: PopOnRing or PopOnAnswer. It follows the configuration.
func (g *Gateway) Pop() (page call.Pop, on string) {
	w := g.now.Load().Window
	page, _ = call.ParsePop(w.Pop) // which is valid, as the configuration is
	return page, w.PopOn
}

// Calls is how many calls there are, of anybody's, those that ring among them. All of them end with the gateway.
func (g *Gateway) Calls() int { return len(g.signaling.Calls()) }

// PBXs tells how it stands with each PBX.
func (g *Gateway) PBXs() []call.PBX { return g.signaling.PBXs() }

// Elsewhere gives the calls of a user that are up on other devices than this machine's phone, oldest first.
func (g *Gateway) Elsewhere(user string) []call.Info {
	here := map[string]bool{}
	if g.desk != nil {
		for _, c := range g.desk.State().Calls {
			here[c.Dialog] = true
		}
	}
	parties := g.signaling.Participants()
	var list []call.Info
	for _, c := range g.signaling.Calls() {
		there, ours := false, false
		for _, p := range parties[c.ID] {
			if p.User == user && p.Replaces != "" {
				there, ours = true, ours || here[p.Replaces]
			}
		}
		if c.State == call.Talking && there && !ours {
			list = append(list, c)
		}
	}
	return list
}

// Take moves one of them to this machine's phone; id is of the call.
func (g *Gateway) Take(id, user string) error {
	replaces := g.sound.dialog(id, user)
	if replaces == "" || g.desk == nil {
		return &call.DeskFault{Code: "no_call", Message: "There is no such call that could be moved to this machine."}
	}
	_, err := g.desk.Take(replaces)
	return err
}

// Sounds tells how the media of each call of a user's is doing, by the Call-ID of the user's dialog.
func (g *Gateway) Sounds(user string) map[string]call.Media {
	all := make(map[string]call.Media)
	for id, parties := range g.signaling.Participants() {
		for _, p := range parties {
			if p.User == user {
				all[p.CallID] = g.sound.of(id)
			}
		}
	}
	return all
}

// Recordings tells a user how it stands with the recording of each of the user's calls, as long as ctx goes on.
func (g *Gateway) Recordings(ctx context.Context, user string) (<-chan call.RecordingState, error) {
	u, err := g.accounts.User(ctx, user)
	if err != nil {
		return nil, err
	}
	return g.recordings.Watch(ctx, u), nil
}

// Record switches the recording of a call on or off for a user; id is of the call.
func (g *Gateway) Record(ctx context.Context, id, user string, on bool) error {
	u, err := g.accounts.User(ctx, user)
	if err != nil {
		return err
	}
	_, err = g.recordings.Set(ctx, id, u, on)
	return err
}

// Settings tells what the configuration file says.
func (g *Gateway) Settings() (web.Settings, error) { return g.file.Settings() }

// Change makes changes of the configuration file, all or none, and takes them over as far as that is possible without a new start.
func (g *Gateway) Change(version string, changes []web.SettingsChange) (web.SettingsDone, error) {
	return g.file.Change(version, changes)
}

// Nearby are the other Cordboards of the network; nil: there shall be none.
func (g *Gateway) Nearby() web.Neighbours { return g.nearby() }

// Certificate tells of the certificate that the page is served with.
func (g *Gateway) Certificate() web.Certificate { return g.certificate() }

// Place is where the gateway keeps what it knows: its data folder and its configuration file.
func (g *Gateway) Place() (folder, file string) { return g.host.Dir, g.file.path }

// What goes in and comes out there, by names that the program knows.
type (
	SettingsChange  = web.SettingsChange
	SettingsRefused = web.SettingsRefused
	AccountChange   = web.AccountChange
	Neighbours      = web.Neighbours
)

// Errors of what is changed there.
var (
	ErrSettingsChanged = web.ErrSettingsChanged
	ErrNoUser          = auth.ErrNoUser
)

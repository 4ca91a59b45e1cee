package media

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pion/dtls/v2"
	"github.com/pion/ice/v2"
	"github.com/pion/webrtc/v3"

	"cordboard/gateway/call"
)

// client is an engine with a phone, whose server is what pion calls a PeerConnection.
type client struct {
	*office
	peer *browser
}

func newClient(t testing.TB, ports string, settings ...func(*webrtc.SettingEngine)) *client {
	t.Helper()
	return &client{newOffice(t, ports), newBrowser(t, settings...)}
}

// talk fails unless the phone and the server hear one another.
func (c *client) talk(when string) {
	c.t.Helper()
	reaches(c.t, c.near.mouth, c.peer, "near, "+when)
	reaches(c.t, c.peer.say, c.near, "server, "+when)
}

func (c *client) call() {
	c.t.Helper()
	answer := c.peer.answer(must(c.t)(c.client.Offer(c.t.Context(), "call", pbx, c.server, c.near.description("sendrecv"))))
	c.near.hear(must(c.t)(c.client.Answer(c.t.Context(), "call", c.server, pbx, answer)))
}

func (c *client) called(options *webrtc.OfferOptions) {
	c.t.Helper()
	offer, err := c.peer.pc.CreateOffer(options)
	if err != nil {
		c.t.Fatal(err)
	}
	c.near.hear(must(c.t)(c.client.Offer(c.t.Context(), "call", c.server, pbx, c.peer.set(offer))))
	c.peer.accept(must(c.t)(c.client.Answer(c.t.Context(), "call", pbx, c.server, c.near.description("sendrecv"))))
}

func TestClientAndPeerConnection(t *testing.T) {
	for name, profile := range map[string]dtls.SRTPProtectionProfile{"AES-GCM": dtls.SRTP_AEAD_AES_128_GCM, "AES-CM": dtls.SRTP_AES128_CM_HMAC_SHA1_80} {
		for _, role := range []webrtc.DTLSRole{webrtc.DTLSRoleClient, webrtc.DTLSRoleServer} {
			t.Run(name+", it answers as DTLS "+role.String(), func(t *testing.T) {
				c := newClient(t, "21900-21919", func(s *webrtc.SettingEngine) {
					s.SetSRTPProtectionProfiles(profile)
					if err := s.SetAnsweringDTLSRole(role); err != nil {
						t.Fatal(err)
					}
				})
				c.call()
				c.talk("called")
			})
		}
		t.Run(name+", it offers", func(t *testing.T) {
			c := newClient(t, "21900-21919", func(s *webrtc.SettingEngine) { s.SetSRTPProtectionProfiles(profile) })
			c.called(nil)
			c.talk("called")
		})
	}
}

// A restart of the server is followed, and an offer that restarts nothing changes nothing.
func TestClientFollowsRestart(t *testing.T) {
	c := newClient(t, "21920-21939")
	c.called(nil)
	c.talk("before")
	first := c.path()
	c.called(nil)
	c.talk("offered again")
	if c.path() != first {
		t.Error("ICE has begun anew, though the offer did not ask for it")
	}
	c.called(&webrtc.OfferOptions{ICERestart: true})
	waitFor(t, "another path", func() bool { return c.path() != first })
	c.talk("restarted")
	if first.ctx.Err() == nil {
		t.Error("the old path goes on")
	}
}

// restart fulfils the wish for a restart as signaling does.
func (c *client) restart() {
	c.t.Helper()
	select {
	case leg := <-c.wanted:
		if leg != c.server.Leg {
			c.t.Fatalf("leg %q wants a restart", leg)
		}
	case <-c.t.Context().Done():
	}
	offer := must(c.t)(c.client.Reoffer(c.t.Context(), "call", c.server.Leg))
	if len(offer) == 0 {
		c.t.Fatal("there is nothing to offer")
	}
	if err := c.client.Reanswer(c.t.Context(), "call", c.server.Leg, c.peer.answer(offer)); err != nil {
		c.t.Fatal(err)
	}
}

// When nothing comes any more the leg asks for a restart, which does not interrupt what may still pass.
func TestClientRestarts(t *testing.T) {
	c := newClient(t, "21940-21959")
	c.call()
	c.talk("before")
	first := c.path()
	if again := must(t)(c.client.Reoffer(t.Context(), "call", c.server.Leg)); again != nil {
		t.Errorf("without need it is offered\n%s", again)
	}
	first.state.Store(int32(ice.ConnectionStateDisconnected)) // as pion says after faintTime
	c.restart()
	c.talk("while another path comes up")
	waitFor(t, "another path", func() bool { return c.path() != first })
	c.talk("after")
	if s := stats(t, c.client, "call", c.server.Leg); s.State != "up" {
		t.Errorf("stats %+v", s)
	}
}

// A gone address of ours is noticed.
func TestClientAddressGone(t *testing.T) {
	c := newClient(t, "21940-21959")
	c.call()
	c.talk("before")
	first := c.path()
	gone := farAway
	first.local.Store(&gone)
	c.restart()
	waitFor(t, "another path", func() bool { return c.path() != first })
	c.talk("after")
}

// A server that is silent for long is not sent to any more (RFC 7675).
func TestClientConsent(t *testing.T) {
	c := newClient(t, "21960-21979")
	c.call()
	c.talk("before")
	c.path().state.Store(int32(ice.ConnectionStateFailed)) // as pion says after consent
	waitFor(t, "the end of consent", func() bool { return stats(t, c.client, "call", c.server.Leg).State == "lost" })
	silent(t, c.near.mouth, c.peer, "without consent")
}

// Of a real silence pion tells after faintTime.
func TestClientNoticesSilence(t *testing.T) {
	t.Parallel()
	c := newClient(t, "21980-21989")
	c.call()
	c.talk("before")
	c.peer.pc.Close()
	if leg := <-c.wanted; leg != c.server.Leg {
		t.Errorf("leg %q wants a restart", leg)
	}
}

// A second answer to one offer comes of a fork, and needs ICE of its own.
func TestClientHearsForks(t *testing.T) {
	c := newClient(t, "21980-21999")
	offer := must(t)(c.client.Offer(t.Context(), "call", pbx, c.server, c.near.description("sendrecv")))
	early := newBrowser(t).answer(offer)
	must(t)(c.client.Answer(t.Context(), "call", c.server, pbx, early))
	c.near.hear(must(t)(c.client.Answer(t.Context(), "call", c.server, pbx, c.peer.answer(offer))))
	first := c.line().agreed
	c.restart()
	waitFor(t, "another path", func() bool { return c.path() != nil && c.path() != first })
	c.talk("by the second one")
}

// With nothing to connect to the trouble is named.
func TestClientBlocked(t *testing.T) {
	c := newClient(t, "21980-21999")
	answer := c.peer.answer(must(t)(c.client.Offer(t.Context(), "call", pbx, c.server, c.near.description("sendrecv"))))
	answer = regexp.MustCompile(`(?m)^a=candidate:.*\r\n`).ReplaceAll(answer, nil)
	c.peer.pc.Close()
	must(t)(c.client.Answer(t.Context(), "call", c.server, pbx, answer))
	c.client.Answered("call")
	waitFor(t, "the trouble", func() bool {
		m, _ := c.client.Media("call")
		return slices.ContainsFunc(m.Troubles, func(x call.Trouble) bool {
			return x.Text == "No sound gets through to the PBX: ICE never connected" &&
				x.Cause == "UDP is blocked on the way; a TURN server in the PBX's ice setting would help"
		})
	})
}

// What a restart was offered is offered again after a refusal, and an answer to the server's own offer is not touched by it.
func TestClientRestartRefused(t *testing.T) {
	c := newClient(t, "21900-21919")
	c.called(nil)
	c.talk("before")
	first := c.path()
	first.state.Store(int32(ice.ConnectionStateDisconnected))
	<-c.wanted
	refused := must(t)(c.client.Reoffer(t.Context(), "call", c.server.Leg))
	c.called(nil)
	if again := must(t)(c.client.Reoffer(t.Context(), "call", c.server.Leg)); ufragOf(again) != ufragOf(refused) || len(again) == 0 {
		t.Errorf("after a refusal is offered\n%s, before\n%s", again, refused)
	} else if err := c.client.Reanswer(t.Context(), "call", c.server.Leg, c.peer.answer(again)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another path", func() bool { return c.path() != first })
	c.talk("after")
}

// ufragOf is the ICE user fragment in a description.
func ufragOf(text []byte) string {
	_, rest, _ := bytes.Cut(text, []byte("a=ice-ufrag:"))
	ufrag, _, _ := strings.Cut(string(rest), "\r\n")
	return ufrag
}

// A call outlives the program: the server is offered new ICE and new keys.
func TestClientRestored(t *testing.T) {
	c := newClient(t, "21920-21939")
	c.call()
	c.talk("before")
	saved := must(t)(c.client.Save("call"))
	for _, secret := range []string{"ice-pwd", "ice-ufrag", "candidate", "password"} {
		if bytes.Contains(saved, []byte(secret)) {
			t.Errorf("%s is written down:\n%s", secret, saved)
		}
	}
	c.client.Delete("call", "")
	if err := c.client.Restore("call", saved); err != nil {
		t.Fatal(err)
	}
	if err := c.client.Introduce("call", c.server); err != nil {
		t.Fatal(err)
	}
	offer := must(t)(c.client.Reoffer(t.Context(), "call", c.server.Leg))
	c.peer = newBrowser(t) // pion's takes no new certificate in mid-call (RFC 8842 §4), as a server would
	if err := c.client.Reanswer(t.Context(), "call", c.server.Leg, c.peer.answer(offer)); err != nil {
		t.Fatal(err)
	}
	c.talk("after")
}

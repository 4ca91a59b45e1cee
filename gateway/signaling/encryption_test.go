package signaling

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// newEncrypted is a world whose PBX has these values of media and media_minimum.
func newEncrypted(t *testing.T, media, minimum string) *world {
	t.Helper()
	w := buildWorld(t, ModeExtension, func(cfg *Config, _ *Deps) { cfg.PBX[0].Media, cfg.PBX[0].MediaMinimum = media, minimum })
	w.start()
	return w
}

func TestProfiles(t *testing.T) {
	for _, tt := range []struct {
		media, minimum string
		refused        []string
		want           string
	}{
		{"", "", nil, "rtp dtls sdes"},
		{"rtp", "rtp", nil, "rtp dtls sdes"},
		{"osrtp", "", nil, "osrtp dtls sdes rtp"},
		{"sdes", "", nil, "sdes dtls"},
		{"sdes", "rtp", nil, "sdes dtls rtp"},
		{"dtls", "", nil, "dtls"},
		{"dtls", "sdes", nil, "dtls sdes"},
		{"dtls", "rtp", nil, "dtls sdes rtp"},
		{"rtp", "", []string{"rtp"}, "dtls sdes rtp"},
		{"dtls", "rtp", []string{"sdes", "dtls"}, "rtp dtls sdes"},
		{"sdes", "", []string{"sdes", "dtls"}, "sdes dtls"},
	} {
		p := &pbx{cfg: PBX{Name: "office", URI: "sip:192.0.2.10", Mode: ModePeer, Media: tt.media, MediaMinimum: tt.minimum}}
		if err := p.cfg.Validate(); err != nil {
			t.Error(err)
		}
		p.facts.set(call.FactMediaRefused, tt.refused...)
		var got []string
		for _, profile := range p.profiles() {
			got = append(got, nameOfProfile(profile))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("media %q, minimum %q, refused %v: %v, want %s", tt.media, tt.minimum, tt.refused, got, tt.want)
		}
		old := p.facts.known[call.FactMediaRefused]
		old.Learned = time.Now().Add(-forgetNo)
		p.facts.known[call.FactMediaRefused] = old
		if first := p.profiles()[0]; first != p.cfg.wish() {
			t.Errorf("media %q after a day: %v comes first", tt.media, first)
		}
	}
	for _, wrong := range [][2]string{{"srtp", ""}, {"rtp", "osrtp"}, {"rtp", "sdes"}, {"sdes", "dtls"}, {"osrtp", "sdes"}, {"", "dtls"}} {
		if err := (PBX{URI: "sip:h", Media: wrong[0], MediaMinimum: wrong[1]}).Validate(); err == nil {
			t.Errorf("media %q with minimum %q is valid", wrong[0], wrong[1])
		}
	}
}

// refuseFirst has alice call 200, and the PBX refuse the first offers. It gives the INVITE that was left.
func (w *world) refuseFirst(alice *browser, status int, profiles ...string) (invite *sip.Request) {
	w.t.Helper()
	alice.invite("200")
	seq := uint32(0)
	for i, profile := range profiles {
		next := w.pbx.request(sip.INVITE)
		if got, want := string(next.Body()), "offer for "+profile+" of v=0 of alice"; got != want {
			w.t.Fatalf("offer %d: %q, want %q", i, got, want)
		}
		if invite != nil && (next.CallID().Value() != invite.CallID().Value() || tagOf(w.t, next.From().Params) != tagOf(w.t, invite.From().Params) || next.CSeq().SeqNo != seq+1) {
			w.t.Errorf("after %d the next INVITE has Call-ID %s, From %s and CSeq %d", seq, next.CallID().Value(), next.From().Value(), next.CSeq().SeqNo)
		}
		invite, seq = next, next.CSeq().SeqNo
		if i < len(profiles)-1 {
			w.pbx.answer(next, status, "Not Acceptable", "refusal", "", "")
			w.pbx.request(sip.ACK)
		}
	}
	return invite
}

// A PBX that refuses a profile is offered the next one; the browser does not notice, and the next call begins with what worked.
func TestNextProfile(t *testing.T) {
	for _, status := range []int{488, 606, 415} {
		t.Run(itoa(status), func(t *testing.T) {
			w := newEncrypted(t, "dtls", "rtp")
			alice := w.dial("alice", true)
			finish := func(invite *sip.Request) {
				t.Helper()
				w.pbx.answer(invite, 200, "OK", "phone", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone")
				final := alice.await("final response", func(m sip.Message) bool {
					r, ok := m.(*sip.Response)
					return ok && r.StatusCode >= 200 && r.CSeq().MethodName == sip.INVITE
				}).(*sip.Response)
				if final.StatusCode != 200 {
					t.Fatalf("alice gets %d", final.StatusCode)
				}
				alice.send(alice.within("ACK", final, int(final.CSeq().SeqNo), ""))
				if ack := w.pbx.request(sip.ACK); ack.CSeq().SeqNo != invite.CSeq().SeqNo {
					t.Errorf("ACK %d for INVITE %d", ack.CSeq().SeqNo, invite.CSeq().SeqNo)
				}
				alice.send(alice.within("BYE", final, int(final.CSeq().SeqNo)+1, ""))
				alice.response(200, sip.BYE)
				w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
				w.over()
			}
			finish(w.refuseFirst(alice, status, "DTLS", "SDES", "RTP"))
			facts := func(name string) []string { return w.srv.pbxes()[0].facts.get(name) }
			if taken, refused := facts(call.FactMedia), facts(call.FactMediaRefused); !slices.Equal(taken, []string{"rtp"}) || !slices.Equal(refused, []string{"dtls", "sdes"}) {
				t.Errorf("learned that %v is taken and %v refused", taken, refused)
			}
			finish(w.refuseFirst(alice, status, "RTP"))
			finish(w.refuseFirst(alice, status, "RTP", "DTLS")) // the PBX was set up anew
			if taken, refused := facts(call.FactMedia), facts(call.FactMediaRefused); !slices.Equal(taken, []string{"rtp", "dtls"}) || !slices.Equal(refused, []string{"sdes", "rtp"}) {
				t.Errorf("learned that %v is taken and %v refused", taken, refused)
			}
		})
	}
}

// A call never goes in a profile weaker than the minimum, and other refusals are not taken for one of the profile.
func TestLastProfile(t *testing.T) {
	for _, tt := range []struct {
		media, minimum string
		status         int
		profiles       []string
	}{
		{"sdes", "", 488, []string{"SDES", "DTLS"}},
		{"dtls", "", 488, []string{"DTLS"}},
		{"dtls", "sdes", 606, []string{"DTLS", "SDES"}},
		{"osrtp", "", 488, []string{"OSRTP", "DTLS", "SDES", "RTP"}},
		{"dtls", "rtp", 486, []string{"DTLS"}},
		{"dtls", "rtp", 404, []string{"DTLS"}},
	} {
		t.Run(tt.media+" "+tt.minimum+" "+itoa(tt.status), func(t *testing.T) {
			w := newEncrypted(t, tt.media, tt.minimum)
			alice := w.dial("alice", true)
			w.pbx.answer(w.refuseFirst(alice, tt.status, tt.profiles...), tt.status, "No", "refusal", "", "")
			w.pbx.request(sip.ACK)
			alice.response(tt.status, sip.INVITE)
			w.over()
			if refused := w.srv.pbxes()[0].facts.get(call.FactMediaRefused); len(refused) > 0 {
				t.Errorf("learned that %v is refused of a call that nothing was found for", refused)
			}
		})
	}
}

// What rang is not called again.
func TestNoNextProfileAfterRinging(t *testing.T) {
	w := newEncrypted(t, "sdes", "rtp")
	alice := w.dial("alice", true)
	alice.invite("200")
	invite := w.pbx.request(sip.INVITE)
	w.pbx.answer(invite, 180, "Ringing", "phone", "<sip:phone@"+w.pbx.addr()+">", "")
	alice.response(180, sip.INVITE)
	w.pbx.answer(invite, 488, "Not Acceptable Here", "phone", "", "")
	w.pbx.request(sip.ACK)
	alice.response(488, sip.INVITE)
	w.over()
}

// The legs of a PBX have its minimum, whoever calls.
func TestLeastOfLegs(t *testing.T) {
	p := &pbx{cfg: PBX{Media: "dtls", MediaMinimum: "sdes"}}
	if got := p.party(hostOf("192.0.2.1:5060")); got.Profile != sdp.DTLS || got.Least != sdp.SDES {
		t.Errorf("party %+v", got)
	}
}

// After a crash the PBX's leg gets new keys when its media needs them, and the call ends when it doesn't take them.
func TestPBXGetsNewKeys(t *testing.T) {
	for _, status := range []int{200, 488} {
		t.Run(itoa(status), func(t *testing.T) {
			w := newLasting(t, ModeExtension)
			alice := w.dial("alice", true)
			alice.register()
			_, invite := w.up(alice)
			w.media.keyless = true
			w.crash()
			_ = alice.conn.CloseNow()
			w.restart()
			offer := w.pbx.request(sip.INVITE)
			if string(offer.Body()) != "v=0 offered anew" || offer.CallID().Value() != invite.CallID().Value() || offer.CSeq().SeqNo <= invite.CSeq().SeqNo || tagOf(t, offer.To().Params) != "phone" {
				t.Errorf("offer to the PBX:\n%s", offer)
			}
			if status != 200 {
				w.pbx.answer(offer, status, "No", "", "", "")
				w.pbx.request(sip.ACK)
				w.pbx.answer(w.pbx.request(sip.BYE), 200, "OK", "", "", "")
				w.over()
				return
			}
			w.pbx.answer(offer, 200, "OK", "", "<sip:phone@"+w.pbx.addr()+">", "v=0 of phone again")
			w.pbx.request(sip.ACK)
			w.media.mu.Lock()
			w.media.settled = true
			w.media.mu.Unlock()
			again := w.again(alice)
			again.register()
			eventually(t, "answer taken", func() bool {
				w.media.mu.Lock()
				defer w.media.mu.Unlock()
				return slices.Contains(w.media.answers, "v=0 of phone again")
			})
			w.pbx.send(w.within("BYE", invite, 9, ""))
			w.pbx.response(200, sip.BYE)
			again.answer(again.request(sip.BYE), 200, "OK", "", "", "")
			w.over()
		})
	}
}

package sdp

import (
	"testing"

	"github.com/pion/webrtc/v3"
)

// A WebRTC implementation that nobody here wrote takes our offers and answers.
func TestBrowserTakesOurDescriptions(t *testing.T) {
	listen := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly} // pion would send Opus, whatever the answer
	peer := func() *webrtc.PeerConnection {
		pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close() })
		if _, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, listen); err != nil {
			t.Fatal(err)
		}
		return pc
	}
	offer, err := Translate([]byte(baresip), nil, toBrowser)
	if err != nil {
		t.Fatal(err)
	}
	callee := peer()
	if err := callee.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		t.Fatalf("our offer: %v\n%s", err, offer)
	}
	answer, err := callee.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Translate([]byte(answer.SDP), []byte(baresip), towardPBX); err != nil {
		t.Errorf("its answer: %v\n%s", err, answer.SDP)
	}

	caller := peer()
	if _, err = caller.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, listen); err != nil {
		t.Fatal(err)
	}
	asked, err := caller.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(caller)
	if err := caller.SetLocalDescription(asked); err != nil {
		t.Fatal(err)
	}
	<-gathered // pion refuses a re-offer before
	told, err := Translate([]byte(asterisk), []byte(asked.SDP), answering(toBrowser))
	if err != nil {
		t.Fatalf("%v\n%s", err, asked.SDP)
	}
	if err := caller.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(told)}); err != nil {
		t.Errorf("our answer: %v\n%s", err, told)
	}

	// The call goes on: the phone side re-offers, with a fax stream that no browser knows, and the same m= lines stay.
	again := toBrowser
	again.Previous, again.MID = told, "0"
	if told, err = Translate([]byte(phone+pcmu+"m=video 0 RTP/AVP 99\r\nm=image 4002 udptl t38\r\n"), nil, again); err != nil {
		t.Fatal(err)
	}
	if err := caller.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(told)}); err != nil {
		t.Fatalf("our re-offer: %v\n%s", err, told)
	}
	if answer, err = caller.CreateAnswer(nil); err != nil {
		t.Fatal(err)
	}
	if r, err := Parse([]byte(answer.SDP)); err != nil || r.Rejected || r.MID != "0" {
		t.Errorf("its answer: %+v, %v\n%s", r, err, answer.SDP)
	}
}

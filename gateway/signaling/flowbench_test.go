package signaling

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

const benchRegister = "REGISTER sip:office.example SIP/2.0\r\nVia: SIP/2.0/WSS 2kq3hb1cs8tq.invalid;branch=z9hG4bK4384293\r\nMax-Forwards: 69\r\n" +
	"To: <sip:alice@office.example>\r\nFrom: \"Alice\" <sip:alice@office.example>;tag=abcdefgh12\r\nCall-ID: 7hd8s9ksj3hs9d8fj3\r\nCSeq: 81 REGISTER\r\n" +
	"Contact: <sip:8dn2kd9s@2kq3hb1cs8tq.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:ac7a0f3e-7a94-4b4a-b5bf-0a1ff31dd2c6>\";expires=600\r\n" +
	"Expires: 600\r\nAllow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\nSupported: path,gruu,outbound\r\nUser-Agent: JsSIP 3.10.1\r\nContent-Length: 0\r\n\r\n"

// BenchmarkScreenMessage is the check of a message from a browser.
func BenchmarkScreenMessage(b *testing.B) {
	msg := []byte(benchRegister)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := screenMessage(msg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFlow is a request over TLS and its answer, all that happens on both sides included.
func BenchmarkFlow(b *testing.B) {
	bench := newDoorBench(b, nil).overTLS()
	ws := bench.browser()
	f := bench.theFlow()
	f.frames.SetLimit(rate.Inf)
	f.requests.Load().SetLimit(rate.Inf)
	ctx := context.Background()
	msg := []byte(benchRegister)
	branch := msg[strings.Index(benchRegister, "z9hG4bK")+len("z9hG4bK"):][:7]
	n := 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		n++
		strconv.AppendInt(branch[:0], int64(n), 10)
		if err := ws.Write(ctx, websocket.MessageText, msg); err != nil {
			b.Fatal(err)
		}
		if _, _, err := ws.Read(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

package signaling

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestScreenMessage(t *testing.T) {
	const start = "OPTIONS sip:a@b SIP/2.0\r\n"
	const must = "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
	const any = "any" // an error of sipgo's parser
	for _, tt := range []struct {
		name, in, out string
		err           error
	}{
		{name: "length there", in: start + must + "Content-Length: 2\r\n\r\nhi", out: start + must + "Content-Length: 2\r\n\r\nhi"},
		{name: "length missing", in: start + must + "\r\nhi", out: start + must + "Content-Length: 2\r\n\r\nhi"},
		{name: "length missing, no body", in: start + must + "\r\n", out: start + must + "Content-Length: 0\r\n\r\n"},
		{name: "length missing, last header folded", in: start + must + "X: a\r\n b\r\n\r\nhi", out: start + must + "X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "length in the body only", in: start + must + "\r\nContent-Length: 7\r\n\r\n", out: start + must + "Content-Length: 21\r\n\r\nContent-Length: 7\r\n\r\n"},
		{name: "compact length", in: start + must + "l:2\r\n\r\nhi", out: start + must + "l:2\r\n\r\nhi"},
		{name: "body longer than said", in: start + must + "L: 1\r\n\r\nhi", out: start + must + "L: 1\r\n\r\nh"},
		{name: "body shorter than said", in: start + must + "Content-Length: 3\r\n\r\nhi", err: errLength},
		{name: "two lengths", in: start + must + "Content-Length: 2\r\nl: 1\r\n\r\nhi", err: errLength},
		{name: "negative length", in: start + must + "Content-Length: -2\r\n\r\nhi", err: errors.New(any)},
		{name: "answer", in: "SIP/2.0 486 Busy Here\r\n" + must + "l: 0\r\n\r\n", out: "SIP/2.0 486 Busy Here\r\n" + must + "l: 0\r\n\r\n"},
		{name: "answer without reason or space", in: "SIP/2.0 486\r\n" + must + "\r\n", err: errors.New(any)},
		{name: "answer with odd status", in: "SIP/2.0 742 Odd\r\n" + must + "\r\n", err: errNotSIP},
		{name: "other version", in: "OPTIONS sip:a@b SIP/7.0\r\n" + must + "\r\n", err: errNotSIP},
		{name: "two blanks", in: "OPTIONS  sip:a@b SIP/2.0\r\n" + must + "\r\n", err: errNotSIP},
		{name: "odd method", in: "OPT/IONS sip:a@b SIP/2.0\r\n" + must + "\r\n", err: errNotSIP},
		{name: "empty start line", in: "\r\n\r\n\r\n", err: errNoEnd},
		{name: "HTTP", in: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", err: errNotSIP},
		{name: "no blank line", in: start + must, err: errNoEnd},
		{name: "NUL", in: start + must + "Subject: a\x00b\r\n\r\n", err: errControl},
		{name: "NUL in the body", in: start + must + "l: 1\r\n\r\n\x00", out: start + must + "l: 1\r\n\r\n\x00"},
		{name: "bare LF", in: start + must + "Subject: a\nEvil: b\r\n\r\n", err: errControl},
		{name: "bare CR", in: start + must + "Subject: a\rEvil: b\r\n\r\n", err: errControl},
		{name: "long header", in: start + must + "X: " + strings.Repeat("x", flowMaxHeader) + "\r\n\r\n", err: errHeader},
		{name: "long folded header", in: start + must + "X: x\r\n" + strings.Repeat(" "+strings.Repeat("x", 100)+"\r\n", 100) + "\r\n", err: errHeader},
		{name: "many values", in: start + "Route: " + strings.Repeat("<sip:x>,", 201) + "<sip:x>\r\n" + must + "\r\n", err: errHeader},
		{name: "many parameters", in: start + must + "Contact: <sip:x>" + strings.Repeat(";a=b", 100) + "\r\n\t" + strings.Repeat(";a=b", 101) + "\r\n\r\n", err: errHeader},
		{name: "many lines", in: start + must + strings.Repeat("X: y\r\n", flowMaxLines) + "\r\n", err: errLines},
		{name: "no From", in: start + strings.Replace(must, "From", "Form", 1) + "\r\n", err: errMandatory},
		{name: "no CSeq", in: start + strings.Replace(must, "CSeq: 1 OPTIONS\r\n", "", 1) + "\r\n", err: errMandatory},
		{name: "broken To", in: start + strings.Replace(must, "To: <sip:a@b>", "To: <sip:a@b", 1) + "\r\n", err: errors.New(any)},
		{name: "header without colon", in: start + must + "nothing\r\n\r\n", err: errors.New(any)},
		{name: "full", in: start + must + "\r\n" + strings.Repeat("x", maxMessage-len(start+must)-2), err: errTooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg, err := screenMessage([]byte(tt.in))
			if tt.err != nil {
				if err == nil || tt.err.Error() != any && !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, want, _ := strings.Cut(tt.out, "\r\n\r\n")
			if got := string(msg.Body()); got != want || int(*msg.ContentLength()) != len(want) {
				t.Errorf("body %q, Content-Length %v, want %q", got, msg.ContentLength(), want)
			}
			if _, request := msg.(*sip.Request); request != strings.HasPrefix(tt.in, start) {
				t.Errorf("request = %v", request)
			}
		})
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(sipMessage("body")))
	f.Add([]byte(sipMessage("body", "l: 4", "Contact: *", "Route: <sip:a>,<sip:b;lr>", `Contact: "A, \" B" <sip:x@[2001:db8::1]:5;a=b?c=d>;+sip.instance="<urn:x>"`)))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS [::1]:5;rport=1;received=x, SIP/2.0/UDP y:z\r\nv: a/b/c d\r\nf: a:b\r\nt: tel:1;x\r\ni: 1\r\nCSeq: 1 X\r\nMax-Forwards: 7\r\nRefer-To: <sip:a?Replaces=b>\r\nb: <sip:a>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		msg, err := screenMessage(bytes.Clone(in))
		if err != nil {
			return
		}
		if n := msg.ContentLength(); n == nil || int(*n) != len(msg.Body()) || !bytes.Contains(in, msg.Body()) {
			t.Fatalf("Content-Length %v, body %q of %q", n, msg.Body(), in)
		}
		if len(in) > maxMessage+2*len(crlf) && len(msg.Body()) > maxMessage {
			t.Fatalf("%d bytes pass", len(msg.Body()))
		}
	})
}

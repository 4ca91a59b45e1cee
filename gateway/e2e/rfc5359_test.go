//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/audio"
	"cordboard/audio/codec"
)

// The service examples of RFC 5359: sipp plays the PBX and its phones, a raw SIP client the browser.
func TestServiceExamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, scenario string
		browser        func(t *testing.T, b *client)
		events         []string // what the phones say, in order
	}{
		{"call hold", "phone.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			c.change(t, "sendonly", "recvonly")
			c.change(t, "sendrecv", "sendrecv")
			c.hangUp(t)
		}, []string{"200 talks", "200 is held", "200 goes on", "200 is over"}},

		{"consultation hold", "phone.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			c.change(t, "sendonly", "recvonly")
			other := b.call(t, "300")
			other.hangUp(t)
			c.change(t, "sendrecv", "sendrecv")
			c.hangUp(t)
		}, []string{"200 talks", "200 is held", "300 talks", "300 is over", "200 goes on", "200 is over"}},

		{"music on hold", "music.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			tell := func() { // for that the phone waits
				b.send(t, c.request("INFO", ""))
				b.response(t, 200, sip.INFO)
			}
			tell()
			for _, direction := range []string{"sendonly", "sendrecv"} {
				req := b.request(t, sip.INVITE)
				if len(req.Body()) > 0 {
					t.Errorf("the browser is offered what nobody has offered:\n%s", req.Body())
				}
				b.heard(t, func() { b.answer(t, req, 200, "OK", description("actpass", "sendrecv")) })
				if ack := b.request(t, sip.ACK); !strings.Contains(string(ack.Body()), "a="+direction) {
					t.Errorf("the browser's offer is answered by\n%s\nwant %s", ack.Body(), direction)
				}
				if direction == "sendonly" {
					tell()
				}
			}
			c.hangUp(t)
		}, []string{"200 talks", "music plays", "music ends", "200 is over"}},

		{"unattended transfer by the browser", "phone.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			b.send(t, c.request("REFER", "", "Refer-To: <sip:300@"+domain+">", "Referred-By: <sip:alice@"+domain+">"))
			b.response(t, 202, sip.REFER)
			for _, frag := range []string{"SIP/2.0 100 Trying", "SIP/2.0 200 OK"} {
				req := b.request(t, sip.NOTIFY)
				if !strings.HasPrefix(string(req.Body()), frag) {
					t.Errorf("NOTIFY of %q, want %q", req.Body(), frag)
				}
				if strings.HasSuffix(frag, "OK") {
					b.heard(t, func() { b.answer(t, req, 200, "OK", "") })
				} else {
					b.answer(t, req, 200, "OK", "")
				}
			}
			c.hangUp(t)
		}, []string{"200 talks", "200 has called sip:300@{pbx}", "200 is over"}},

		{"unattended transfer by the phone", "transfer.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			b.send(t, c.request("INFO", ""))
			b.response(t, 200, sip.INFO)
			refer := b.request(t, sip.REFER)
			if got := refer.GetHeader("Refer-To").Value(); got != "<sip:300@"+domain+">" {
				t.Errorf("the browser shall call %s, want 300 here", got)
			}
			b.heard(t, func() { b.answer(t, refer, 202, "Accepted", "") })
			notify := func(state, frag string) {
				b.send(t, c.request("NOTIFY", frag, "Event: refer", "Subscription-State: "+state, "Content-Type: message/sipfrag"))
				b.response(t, 200, sip.NOTIFY)
			}
			notify("active;expires=60", "SIP/2.0 100 Trying")
			third := b.call(t, "300")
			notify("terminated;reason=noresource", "SIP/2.0 200 OK")
			b.answer(t, b.request(t, sip.BYE), 200, "OK", "")
			third.hangUp(t)
		}, []string{"200 talks", "200 waits", "300 talks", "200 has passed the call on", "300 is over"}},

		{"attended transfer by the browser", "phone.xml", func(t *testing.T, b *client) {
			c := b.call(t, "200")
			c.change(t, "sendonly", "recvonly")
			other := b.call(t, "300")
			other.change(t, "sendonly", "recvonly")
			b.send(t, c.request("REFER", "", "Refer-To: <sip:300@"+domain+"?Replaces="+other.id+"%3Bto-tag%3Da300%3Bfrom-tag%3D"+other.tag+">"))
			b.response(t, 202, sip.REFER)
			b.answer(t, b.request(t, sip.NOTIFY), 200, "OK", "")
			b.heard(t, func() { b.answer(t, b.request(t, sip.NOTIFY), 200, "OK", "") })
			other.hangUp(t)
			c.hangUp(t)
		}, []string{"200 talks", "200 is held", "300 talks", "300 is held",
			"200 has called sip:300@{pbx}?Replaces={call}%3Bto-tag%3Da300%3Bfrom-tag%3D{tag}", "300 is over", "200 is over"}},

		{"call forwarding unconditional", "proxy.xml", forwarded("200", "181 b200", "180 b200"), []string{"200 talks", "200 is over"}},
		{"call forwarding busy", "proxy.xml", forwarded("201", "181 b201", "180 b201"), []string{"201 talks", "201 is over"}},
		{"call forwarding no answer", "proxy.xml", forwarded("202", "180 a202", "181 b202", "180 b202"), []string{"202 talks", "202 is over"}},
		{"find-me", "proxy.xml", forwarded("203", "180 a203", "180 c203", "180 b203"), []string{"203 talks", "203 is over"}},
		{"call screening", "proxy.xml", func(t *testing.T, b *client) {
			b.invite(t, "204")
			if early := b.response(t, 183, sip.INVITE); !strings.Contains(string(early.Body()), "a=fingerprint:") {
				t.Errorf("the announcement can't be heard:\n%s", early.Body())
			}
			if res := b.response(t, 403, sip.INVITE); res.Reason != "Screened" {
				t.Errorf("refused with %q", res.Reason)
			}
		}, []string{"204 is screened"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proves(t, "RFC 5359: "+tt.name, sipTest)
			pbx := freePort(t)
			log := startScenario(t, tt.scenario, pbx)
			g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: fmt.Sprintf("[auth]\nsecrets = [%q]\n", secret),
				PBX: fmt.Sprintf("[[pbx]]\nname = \"office\"\nuri = \"sip:%s\"\nmode = \"peer\"\n", pbx.addr())})
			b := &client{socket: openSocket(t, g, credentialQuery("alice", time.Now().Add(time.Hour))), host: "df7jal23ls0d.invalid", log: log}
			tt.browser(t, b)
			var events []string
			for _, e := range tt.events {
				fill := strings.NewReplacer("{pbx}", pbx.addr(), "{call}", b.lastCall, "{tag}", b.lastTag)
				events = append(events, fill.Replace(e))
			}
			if !within(patience, func() bool { return slices.Equal(log(), events) }) {
				t.Errorf("the phones say %q, want %q", log(), events)
			}
		})
	}
}

// forwarded is a call that the PBX takes elsewhere: the browser sees each place ring, with a tag of its own.
func forwarded(number string, steps ...string) func(*testing.T, *client) {
	return func(t *testing.T, b *client) {
		c := b.invite(t, number)
		for _, want := range steps {
			res := b.await(t, "progress", func(m sip.Message) bool {
				res, ok := m.(*sip.Response)
				return ok && res.StatusCode > 100 && res.CSeq().MethodName == sip.INVITE
			}).(*sip.Response)
			tag, _ := res.To().Params.Get("tag")
			if got := fmt.Sprint(res.StatusCode, " ", tag); got != want {
				t.Errorf("progress %s, want %s", got, want)
			}
		}
		c.answered(t)
		c.hangUp(t)
	}
}

// startScenario runs sipp on a port and gives what its scenario, a file in testdata/rfc5359 or found from there, logs. More arguments are sipp's.
func startScenario(t *testing.T, name string, on *port, more ...string) (log func() []string) {
	t.Helper()
	return startTuned(t, name, toneMusic, on, more...)
}

// startTuned is startScenario with another tone as its music.
func startTuned(t *testing.T, name string, tone float64, on *port, more ...string) (log func() []string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata/rfc5359", name))
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.New(filepath.Base(name)).Funcs(scenarioWords).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var scenario bytes.Buffer
	scenario.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	if err := made.Execute(&scenario, nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "scenario.xml")
	if err := os.WriteFile(file, scenario.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, musicFile), music(tone), 0o600); err != nil {
		t.Fatal(err)
	}
	rtp, _ := freeRange(t, 4)
	on.release()
	logs := filepath.Join(dir, "log")
	cmd := exec.Command(program(t, "sipp"), append([]string{"-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(on.number),
		"-mi", "127.0.0.1", "-mp", strconv.Itoa(rtp), "-nostdin", "-trace_logs", "-log_file", logs, "-trace_err", "-error_file", filepath.Join(dir, "errors")}, more...)...)
	if !bytes.Contains(text, []byte("{{plays}}")) { // what it plays comes from the port that would send back what it hears
		cmd.Args = append(cmd.Args, "-rtp_echo")
	}
	cmd.Dir = dir
	start(t, "sipp", cmd)
	t.Cleanup(func() {
		if errors, _ := os.ReadFile(filepath.Join(dir, "errors")); t.Failed() && len(errors) > 0 {
			t.Logf("sipp's errors:\n%s", errors)
		}
	})
	return func() []string {
		text, _ := os.ReadFile(logs)
		return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	}
}

// What a music server plays: a second of a tone in G.711.
const (
	toneMusic = 900.0
	toneChime = 1300.0
	musicFile = "music.ulaw"
)

func music(tone float64) []byte {
	samples := make([]int16, codec.G711Rate)
	audio.NewTone(tone, codec.G711Rate, 9000).Fill(samples)
	return codec.PCMU.Encode(nil, samples)
}

const (
	lastHeaders = "[last_Via:]\n[last_From:]\n[last_To:]%s\n[last_Call-ID:]\n[last_CSeq:]\n"
	ourContact  = "Contact: <sip:[$number]@[local_ip]:[local_port]>\n"
	sdpBody     = "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n" +
		"m=audio [media_port] RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=%s\n"
)

// scenarioWords are what the scenarios are written in, beside sipp's own.
var scenarioWords = template.FuncMap{
	// begin takes the INVITE that begins a call, and answers the OPTIONS by which the gateway sees that its PBX lives.
	"begin": func(actions ...string) string {
		return `  <recv request="OPTIONS" optional="true" next="80"/>
  <recv request="INVITE"><action>
    <ereg regexp="sip:([0-9]+)@" search_in="hdr" header="To:" assign_to="all,number"/>
    <ereg regexp="[^ ].*" search_in="hdr" header="From:" assign_to="from"/>
    <ereg regexp="[^ ].*" search_in="hdr" header="To:" assign_to="to"/>
    <ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="contact"/>
    ` + strings.Join(actions, "\n") + `
  </action></recv>`
	},
	// finish is where a scenario goes when it is over, by next="90".
	"finish": func() string {
		return `  <nop next="90"/>
  <label id="80"/>` + sendText("SIP/2.0 200 OK\n"+fmt.Sprintf(lastHeaders, ";tag=alive")+"Content-Length: 0\n") + `
  <label id="90"/>
  <nop/>
  <Reference variables="all,from,to,contact"/>`
	},
	// first answers the INVITE that begins a call; tag names the place that answers, direction is "" for no description.
	"first": func(status int, reason, tag, direction string) string {
		return sendText(fmt.Sprintf("SIP/2.0 %d %s\n", status, reason) + fmt.Sprintf(lastHeaders, ";tag="+tag+"[$number]") + ourContact + described(direction))
	},
	// answer answers a request inside the call.
	"answer": func(status int, reason, direction string) string {
		return sendText(fmt.Sprintf("SIP/2.0 %d %s\n", status, reason) + fmt.Sprintf(lastHeaders, "") + ourContact + described(direction))
	},
	// obey takes the other side's changes and its end, and goes on at an INFO; its labels begin at first.
	"obey": obey,
	// holding is obey of who holds at the moment.
	"holding": func(obeyed string) string { return strings.Replace(obeyed, "a=sendrecv", "a=sendonly", 1) },
	// reliably takes a response that must be acknowledged, with something in its body, and acknowledges it by a PRACK of that number.
	"reliably": reliably,
	// acknowledge is the ACK of a change that was refused; back is how many steps ago that was sent, next the label to go on at.
	"acknowledge": func(seq, back int, next ...int) string {
		ack := strings.Replace(ask("ACK", seq, "", ""), "[branch]", fmt.Sprintf("[branch-%d]", back), 1)
		for _, label := range next {
			ack = strings.Replace(ack, "<send>", fmt.Sprintf("<send next=\"%d\">", label), 1)
		}
		return ack
	},
	// zeros is a request with the address of an old hold.
	"zeros": func(request string) string {
		return strings.Replace(request, "c=IN IP4 [media_ip]", "c=IN IP4 0.0.0.0", 1)
	},
	// ask sends a request inside the call; body is a direction for a description, or text.
	"ask": ask,
	// play answers what is offered to a music server, and has it play.
	"play": func(seq int) string {
		return strings.Replace(ask("ACK", seq, "", "sendonly"), "[media_port]", "[rtpstream_audio_port]", 1) + `
  <nop><action><exec rtp_stream="` + musicFile + `,-1,0"/></action></nop>`
	},
	// playing is first with the music that plays afterwards, and plays begins that.
	"playing": func(status int, reason, tag string) string {
		return strings.Replace(sendText(fmt.Sprintf("SIP/2.0 %d %s\n", status, reason)+fmt.Sprintf(lastHeaders, ";tag="+tag+"[$number]")+ourContact+described("sendrecv")),
			"[media_port]", "[rtpstream_audio_port]", 1)
	},
	"plays": func() string {
		return `  <nop><action><exec rtp_stream="` + musicFile + `,-1,0"/></action></nop>`
	},
	// signal takes the test's word (see signal), for which await waits in another call.
	"signal": func() string {
		return `  <Global variables="go"/>
  <recv request="MESSAGE" optional="true" next="80"><action><assign assign_to="go" value="1"/></action></recv>
  <recv request="SUBSCRIBE" optional="true" next="80"/>`
	},
	"await": func() string {
		return `  <label id="70"/>
  <pause milliseconds="100"/>
  <nop><action><test assign_to="goes" variable="go" compare="equal" value="1"/></action></nop>
  <nop next="71" test="goes"/>
  <nop next="70"/>
  <label id="71"/>
  <nop><action><assign assign_to="go" value="0"/></action></nop>`
	},
	// log has a phone say something. It belongs to what the phone receives: while it takes a step of its own sipp bears no message.
	"log": func(text string) string {
		return `<log message="` + text + `"/>`
	},
	// told logs headers of what is received, those that are there.
	"told": func(what string, headers ...string) (text string) {
		for _, name := range headers {
			variable := what + strings.ReplaceAll(name, "-", "")
			text += fmt.Sprintf("<ereg regexp=\"[^ ].*\" search_in=\"hdr\" header=\"%[1]s:\" assign_to=\"%[2]s\"/>\n<log message=\"%[3]s %[1]s: [$%[2]s]\"/>\n", name, variable, what)
		}
		return text
	},
}

func ask(method string, seq int, headers, body string) string {
	if headers != "" {
		headers += "\n"
	}
	end := described(body)
	if strings.Contains(body, " ") {
		end = "Content-Length: [len]\n\n" + body + "\n"
	}
	return sendText(method + " [$contact] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n" +
		"From: [$to];tag=a[$number]\nTo: [$from]\nCall-ID: [call_id]\nCSeq: " + strconv.Itoa(seq) + " " + method + "\nMax-Forwards: 70\n" +
		ourContact + headers + end)
}

func reliably(status, seq int, body string) string {
	has := ""
	if body != "" {
		has = fmt.Sprintf("\n    <ereg regexp=\"%s\" search_in=\"body\" check_it=\"true\" assign_to=\"has%d\"/>\n    <log message=\"%[2]d has sound [$has%[2]d]\"/>", body, status)
	}
	return fmt.Sprintf(`  <recv response="%[1]d" rrs="true"><action>
    <ereg regexp="100rel" search_in="hdr" header="Require:" check_it="true" assign_to="must%[1]d"/>
    <ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="rseq%[1]d"/>
    <log message="%[1]d [$must%[1]d]"/>%[2]s
  </action></recv>
`, status, has) + sendText(fmt.Sprintf("PRACK [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n[last_From:]\n[last_To:]\n"+
		"Call-ID: [call_id]\nCSeq: %[2]d PRACK\nRAck: [$rseq%[1]d] 1 INVITE\nMax-Forwards: 70\nContent-Length: 0\n", status, seq)) + `
  <recv response="200"/>`
}

func described(direction string) string {
	if direction == "" {
		return "Content-Length: 0\n"
	}
	return fmt.Sprintf(sdpBody, direction)
}

func sendText(text string) string { return "  <send><![CDATA[\n" + text + "\n]]></send>" }

// description is what a browser sends; nobody ever connects to it.
func description(setup, direction string) string {
	return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\nc=IN IP4 0.0.0.0\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\n" +
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\na=setup:" + setup + "\r\na=" + direction + "\r\n"
}

package web

import (
	"net/http"
	"testing"
	"time"

	"cordboard/gateway/call"
)

var testPBXs = []call.PBX{
	{Name: "office", Mode: "extension", URI: "sip:192.0.2.10", Prefixes: []string{"0"},
		State: []call.PBXState{{User: "alice", State: "registered"}, {User: "bob", State: "wrong password"}}, // which is no business of hers
		Facts: []call.Fact{{Name: call.FactSupported, Values: []string{"path"}, Learned: time.UnixMilli(1767225600000)}}},
	{Name: "bare", Mode: "peer", URI: "sip:192.0.2.11", State: []call.PBXState{{State: "unreachable", Detail: "no answer in 5 s"}}},
}

func TestPBX(t *testing.T) {
	site := newSite(t).open(t)
	at := "https://" + site.https + "/api/v1/pbx"
	if res, body := site.send(t, "GET", at, ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %s %s", res.Status, body)
	}
	want := `{"pbx":[{"name":"office","mode":"extension","uri":"sip:192.0.2.10","prefixes":["0"],"domains":[],"state":[{"user":"alice","state":"registered"}],` +
		`"facts":[{"name":"supported","values":["path"],"learned":1767225600000}]},` +
		`{"name":"bare","mode":"peer","uri":"sip:192.0.2.11","prefixes":[],"domains":[],"state":[{"state":"unreachable","detail":"no answer in 5 s"}],"facts":[]}]}`
	if res, body := site.send(t, "GET", at, "", site.signIn(t, "alice", alicePassword)); res.StatusCode != http.StatusOK || body != want {
		t.Errorf("%s\n%s\nwant\n%s", res.Status, body, want)
	}
}

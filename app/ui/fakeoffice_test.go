package ui

import (
	"encoding/json"
	"fmt"
	"time"

	"cordboard/gateway/call"
)

// fakeOffice answers at once, and writes down what it is asked for.
type fakeOffice struct {
	config  Config
	users   []User
	cert    Certificate
	found   []Finding
	near    []call.NeighbourState
	tell    func([]call.NeighbourState)
	noNear  bool
	asked   []string
	err     error // what changes answer
	made    string
	copied  string
	again   int
	calls   int
	holds   bool // PutUser and RemoveUser wait for release
	release func()
}

const officeConfig = `{"name": "Front office",
	"audio": {"echo": true, "noise": true, "gain": false, "country": "de"},
	"recording": {"enabled": "ask", "announce": true, "keep": "90d"},
	"window": {"pop": "https://crm.example/{number}", "pop_on": "ring"},
	"discovery": {"enabled": true, "strangers": false},
	"pbx": [{"name": "office", "uri": "sip:192.0.2.10:5060", "mode": "extension"},
		{"name": "line", "uri": "sips:trunk.example", "mode": "trunk", "username": "4711"}]}`

func newFakeOffice(at time.Time) *fakeOffice {
	o := &fakeOffice{config: Config{Version: "1", Secrets: []string{"pbx[1].password"}}}
	if err := json.Unmarshal([]byte(officeConfig), &o.config.Values); err != nil {
		panic(err)
	}
	o.users = []User{
		{Name: "alice", Display: "Alice Doe", Extension: "101", Admin: true, HasPBXPassword: true, Owner: true, InFile: true},
		{Name: "bob", Display: "Bob Miller", Extension: "102", HasPBXPassword: true},
		{Name: "carol", Display: "Carol Jones", Extension: "103", OneTime: true},
	}
	o.near = []call.NeighbourState{
		{ID: "aa", Name: "Warehouse", Address: "warehouse", Paired: true, Here: true, Addresses: []string{"192.168.1.30"}, Fingerprint: "ab12"},
		{ID: "bb", Name: "Workshop", Here: true, Addresses: []string{"192.168.1.31"}, Fingerprint: "cd34"},
	}
	o.cert = Certificate{Names: []string{"front.local", "office.example"}, Addresses: []string{"192.168.1.20"}, Until: at.Add(80 * 24 * time.Hour),
		Fingerprint: "4F:1A:0B:77:91:C2:35:5D:E8:60:12:AF:99:3C:DD:41:7B:52:08:E1:6A:94:C7:30:5F:BB:2D:18:E9:76:A3:04", Own: true,
		Authority: "Cordboard 12AB front.local", Lists: []TrustList{{ID: "0", Name: "Chromium and Chrome", Trusts: true}, {ID: "1", Name: "Firefox"},
			{ID: "2", Name: "this machine", System: true}}}
	o.found = []Finding{{What: "Certificate", Text: "good until 2026-07-25 for front.local.", Well: true},
		{What: "Sound", Text: "There is no microphone. Browsers have their own.", Do: "Plug a headset in if this machine shall be a phone itself.", Well: true},
		{What: "PBX office, bob", Text: "Wrong password.", Do: "Set the right pbx_password in [[user]] bob."}}
	return o
}

func (o *fakeOffice) note(format string, args ...any) {
	o.asked = append(o.asked, fmt.Sprintf(format, args...))
}

func (o *fakeOffice) ReadConfig(done func(Config, error)) { done(o.config, nil) }

func (o *fakeOffice) ChangeConfig(version string, changes []Change, done func(error)) {
	for _, c := range changes {
		switch {
		case c.Set != "":
			o.note("%s: %s = %v", version, c.Set, c.To)
		case c.Add != "":
			o.note("%s: add %s %v", version, c.Add, c.Entry)
		default:
			o.note("%s: remove %s", version, c.Remove)
		}
	}
	done(o.err)
}

func (o *fakeOffice) Users(done func([]User, error)) { done(o.users, nil) }

func (o *fakeOffice) PutUser(u User, add bool, done func(string, error)) {
	secret := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	o.note("put %v %s, %s, %s, admin %v, at %s %s %s, password %s", add, u.Name, u.Display, u.Extension, u.Admin, u.PBX, u.PBXUsername, secret(u.PBXPassword), secret(u.Password))
	made := ""
	if o.err == nil && u.Password != nil && *u.Password == "" {
		made = o.made
	}
	if o.holds {
		o.release = func() { done(made, o.err) }
		return
	}
	done(made, o.err)
}

func (o *fakeOffice) RemoveUser(name string, done func(error)) {
	o.note("remove %s", name)
	if o.holds {
		o.release = func() { done(o.err) }
		return
	}
	done(o.err)
}

func (o *fakeOffice) Neighbours(tell func([]call.NeighbourState)) func() {
	if o.noNear {
		return nil
	}
	o.tell = tell
	tell(o.near)
	return func() { o.tell = nil }
}

func (o *fakeOffice) Pair(name string, done func(call.Pairing, error)) {
	o.note("pair %s", name)
	done(call.Pairing{}, o.err)
}

func (o *fakeOffice) Same(id, code string, same bool, done func(error)) {
	o.note("same %s %s %v", id, code, same)
	done(o.err)
}

func (o *fakeOffice) Forget(id string, done func(error)) {
	o.note("forget %s", id)
	done(o.err)
}

func (o *fakeOffice) Certificate(done func(Certificate, error)) { done(o.cert, nil) }

func (o *fakeOffice) Trust(list string, done func(error)) {
	o.note("trust %s", list)
	for i, l := range o.cert.Lists {
		if l.ID == list && o.err == nil {
			o.cert.Lists[i].Trusts = true
		}
	}
	done(o.err)
}

func (o *fakeOffice) Examine(done func([]Finding, error)) { done(o.found, o.err) }

func (o *fakeOffice) About() About {
	return About{Version: "1.2", Folder: "/home/alice/.local/share/cordboard", File: "/home/alice/.local/share/cordboard/cordboard.toml",
		Pages: []string{"https://192.168.1.20:8443", "https://front.local:8443"}, Countries: []string{"AT", "DE", "GB"}}
}

func (o *fakeOffice) Calls() int       { return o.calls }
func (o *fakeOffice) StartAgain()      { o.again++ }
func (o *fakeOffice) Copy(text string) { o.copied = text }

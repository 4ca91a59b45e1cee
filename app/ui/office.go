package ui

import (
	"errors"
	"strings"
	"time"

	"cordboard/gateway/call"
)

// Office is what the pages of settings show and change: the configuration file, users, neighbours, the certificate, how Cordboard is
// doing. Nothing of it waits: done is called later, on Fyne's loop. Errors are sentences for people, *Refused or ErrChangedMeanwhile.
type Office interface {
	// ReadConfig gives what the configuration file says.
	ReadConfig(done func(Config, error))
	// ChangeConfig makes all changes of the file, or none. version is that of the Config that they are meant for.
	ChangeConfig(version string, changes []Change, done func(error))

	Users(done func([]User, error))
	// PutUser adds a user, or changes the one of that name. A password that was made is given this once.
	PutUser(u User, add bool, done func(password string, err error))
	RemoveUser(name string, done func(error))

	// Neighbours tells of the other Cordboards, now and at each change, until stop is called; nil: there shall be none.
	Neighbours(tell func([]call.NeighbourState)) (stop func())
	// Pair begins to pair with a neighbour, by its ID or at "host:port".
	Pair(name string, done func(call.Pairing, error))
	// Same says whether the neighbour shows that code.
	Same(id, code string, same bool, done func(error))
	Forget(id string, done func(error))

	Certificate(done func(Certificate, error))
	// Trust has a list trust the local authority.
	Trust(list string, done func(error))

	// Examine looks at all that Cordboard needs, which takes some seconds.
	Examine(done func([]Finding, error))
	About() About
	// Calls is how many calls of whomever would end if Cordboard ended now, those that ring among them.
	Calls() int
	// StartAgain starts Cordboard anew, with what waits for that. Calls end.
	StartAgain()
	// Copy puts a text where other programs paste it from.
	Copy(text string)
}

// ErrChangedMeanwhile reports a configuration file that is not the one that a change was meant for.
var ErrChangedMeanwhile = errors.New("the configuration file was changed meanwhile")

// Refused says what is wrong with what was typed.
type Refused struct{ Faults []Fault }

// Fault is wrong at a key, as "pbx[0].uri" of the file or "extension" of a user; empty: somewhere else.
type Fault struct{ Key, Problem string }

func (r *Refused) Error() string { return r.Faults[0].Problem }

// Config is what the configuration file says.
type Config struct {
	Version string
	Values  map[string]any // nested tables, as JSON has them, without secrets
	Secrets []string       // keys that are set, but told to nobody
	Waiting []string       // tables that were changed and wait for the next start
}

// value is that of a key like "audio.echo".
func (c Config) value(key string) any {
	in := c.Values
	for {
		table, rest, more := strings.Cut(key, ".")
		if !more {
			return in[key]
		}
		in, _ = in[table].(map[string]any)
		key = rest
	}
}

// text is the value of a key that has one.
func (c Config) text(key string) string { s, _ := c.value(key).(string); return s }

// texts is the value of a key that has several.
func (c Config) texts(key string) []string {
	all, _ := c.value(key).([]any)
	texts := make([]string, 0, len(all))
	for _, t := range all {
		if t, ok := t.(string); ok {
			texts = append(texts, t)
		}
	}
	return texts
}

// tables are the entries of a list, as "pbx".
func (c Config) tables(list string) []Config {
	all, _ := c.Values[list].([]any)
	tables := make([]Config, len(all))
	for i, t := range all {
		tables[i].Values, _ = t.(map[string]any)
	}
	return tables
}

// Change is one of the configuration file: of a key, nil being its default, or of a table in a list.
type Change struct {
	Set    string
	To     any
	Add    string // "pbx"
	Entry  map[string]any
	Remove string // as "pbx[1]"
}

// User is somebody with an account here.
type User struct {
	Name, Display, Extension string
	Admin                    bool
	PBX, PBXUsername         string
	HasPBXPassword           bool
	InFile                   bool // it stands in the configuration file
	OneTime                  bool // nobody has signed in with the password that was made
	Owner                    bool // this machine is its phone

	PBXPassword *string // a new one; nil: it stays
	Password    *string // a new one; empty: one is made; nil: it stays
}

// Certificate is what browsers are shown.
type Certificate struct {
	Names, Addresses []string
	Until            time.Time
	Fingerprint      string // of what devices are asked to trust
	Own              bool   // by Cordboard's own authority
	Authority        string // its name
	AuthorityUntil   time.Time
	Lists            []TrustList
	Issuer           string
}

// TrustList says whom programs trust.
type TrustList struct {
	ID, Name string
	System   bool // all users': an administrator must agree
	Trusts   bool
	Lacks    string // why it can't be changed; empty: it can
}

// Finding is one thing that was looked at. Well with something to do is a hint.
type Finding struct {
	What, Text, Do string
	Well           bool
}

// About is which Cordboard this is.
type About struct {
	Version, Folder, File string
	Pages                 []string // addresses of the calling page
	Countries             []string // whose tones can be heard, two letters
}

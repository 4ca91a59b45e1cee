package presence

import (
	"encoding/xml"
	"slices"
	"strings"
)

// DialogInfoType is the content type of a dialog-info document.
const DialogInfoType = "application/dialog-info+xml"

// DialogState is where a dialog stands (RFC 4235 §3.7.1).
type DialogState string

// The states of a dialog.
const (
	Trying     DialogState = "trying"
	Proceeding DialogState = "proceeding"
	Early      DialogState = "early"
	Confirmed  DialogState = "confirmed"
	Terminated DialogState = "terminated"
)

// states are all of them, in the order in which a dialog passes them.
var states = []DialogState{Trying, Proceeding, Early, Confirmed, Terminated}

// Directions of a dialog: who asked for it.
const (
	Initiator = "initiator"
	Recipient = "recipient"
)

// Party is one end of a dialog.
type Party struct{ Display, URI string }

// Dialog is a dialog as the watched one's phone knows it.
type Dialog struct {
	ID                          string // unique within the document's entity
	CallID, LocalTag, RemoteTag string
	Direction                   string // Initiator or Recipient; may be empty
	State                       DialogState
	Local, Remote               Party
}

// DialogInfo is a dialog-info document.
type DialogInfo struct {
	Version uint32
	Partial bool // it names only what has changed
	Entity  string
	Dialogs []Dialog
}

const dialogNS = "urn:ietf:params:xml:ns:dialog-info"

type xmlDialogInfo struct {
	XMLName xml.Name    `xml:"urn:ietf:params:xml:ns:dialog-info dialog-info"`
	Version uint32      `xml:"version,attr"`
	State   string      `xml:"state,attr"`
	Entity  string      `xml:"entity,attr"`
	Dialogs []xmlDialog `xml:"dialog"`
}

type xmlDialog struct {
	ID        string    `xml:"id,attr"`
	CallID    string    `xml:"call-id,attr,omitempty"`
	LocalTag  string    `xml:"local-tag,attr,omitempty"`
	RemoteTag string    `xml:"remote-tag,attr,omitempty"`
	Direction string    `xml:"direction,attr,omitempty"`
	State     string    `xml:"state"`
	Local     *xmlParty `xml:"local"`
	Remote    *xmlParty `xml:"remote"`
}

type xmlParty struct {
	Identity struct {
		Display string `xml:"display,attr,omitempty"`
		URI     string `xml:",chardata"`
	} `xml:"identity"`
	Target *xmlTarget `xml:"target"`
}

type xmlTarget struct {
	URI string `xml:"uri,attr"`
}

// Marshal writes the document.
func (d DialogInfo) Marshal() []byte {
	out := xmlDialogInfo{Version: d.Version, State: "full", Entity: d.Entity}
	if d.Partial {
		out.State = "partial"
	}
	for _, g := range d.Dialogs {
		out.Dialogs = append(out.Dialogs, xmlDialog{ID: g.ID, CallID: g.CallID, LocalTag: g.LocalTag, RemoteTag: g.RemoteTag,
			Direction: g.Direction, State: string(g.State), Local: g.Local.xml(), Remote: g.Remote.xml()})
	}
	return encode(out)
}

// ParseDialogInfo reads a document. Texts in it are cut and cleaned. The error is ErrTooLarge or ErrMalformed.
func ParseDialogInfo(data []byte) (DialogInfo, error) {
	var in xmlDialogInfo
	if err := decode(data, xml.Name{Space: dialogNS, Local: "dialog-info"}, &in); err != nil {
		return DialogInfo{}, err
	}
	d := DialogInfo{Version: in.Version, Partial: strings.EqualFold(strings.TrimSpace(in.State), "partial"), Entity: clean(in.Entity)}
	for _, g := range in.Dialogs {
		state := DialogState(strings.ToLower(strings.TrimSpace(g.State)))
		if !slices.Contains(states, state) || clean(g.ID) == "" {
			return DialogInfo{}, ErrMalformed
		}
		direction := strings.ToLower(strings.TrimSpace(g.Direction))
		if direction != Initiator && direction != Recipient {
			direction = ""
		}
		d.Dialogs = append(d.Dialogs, Dialog{ID: clean(g.ID), CallID: clean(g.CallID), LocalTag: clean(g.LocalTag), RemoteTag: clean(g.RemoteTag),
			Direction: direction, State: state, Local: g.Local.party(), Remote: g.Remote.party()})
	}
	return d, nil
}

func (p Party) xml() *xmlParty {
	if p.URI == "" {
		return nil
	}
	x := &xmlParty{Target: &xmlTarget{p.URI}}
	x.Identity.Display, x.Identity.URI = p.Display, p.URI
	return x
}

func (x *xmlParty) party() Party {
	if x == nil {
		return Party{}
	}
	uri := clean(x.Identity.URI)
	if uri == "" && x.Target != nil {
		uri = clean(x.Target.URI)
	}
	return Party{clean(x.Identity.Display), uri}
}

// same says whether two entries are about one dialog. Before the answer tags may be missing.
func (d Dialog) same(o Dialog) bool {
	fits := func(a, b string) bool { return a == b || a == "" || b == "" }
	return d.ID == o.ID || d.CallID != "" && d.CallID == o.CallID && fits(d.LocalTag, o.LocalTag) && fits(d.RemoteTag, o.RemoteTag)
}

// age is how far the dialog has come.
func (d Dialog) age() int { return slices.Index(states, d.State) }

// Apply gives the dialogs that are known after a document, when known were before it: all of a full one, or the changes of
// a partial one. Dialogs that have ended are left out. A PBX may have several stories of one dialog in a document, as Kamailio has when
// states follow fast; a dialog never goes back, so the latest state counts.
func (d DialogInfo) Apply(known []Dialog) []Dialog {
	var list []Dialog
	if d.Partial {
		list = slices.Clone(known)
	}
	for n, g := range d.Dialogs {
		if slices.ContainsFunc(d.Dialogs[:n], func(o Dialog) bool { return o.same(g) && o.age() > g.age() }) {
			continue
		}
		list = append(slices.DeleteFunc(list, g.same), g)
	}
	return slices.DeleteFunc(list, func(g Dialog) bool { return g.State == Terminated })
}

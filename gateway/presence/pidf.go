package presence

import (
	"encoding/xml"
	"slices"
	"strings"
)

// PIDFType is the content type of a PIDF document.
const PIDFType = "application/pidf+xml"

// Basic says whether somebody can be reached (RFC 3863 §4.1.4); empty: nobody knows.
type Basic string

// The basic states.
const (
	Open   Basic = "open"
	Closed Basic = "closed"
)

// OnThePhone is the activity of somebody in a call (RFC 4480 §3.2).
const OnThePhone = "on-the-phone"

// Busy is the activity of somebody who asks not to be disturbed (RFC 4480 §3.2).
const Busy = "busy"

// Presence is what a PIDF document tells of somebody.
type Presence struct {
	Entity     string
	Basic      Basic
	Contact    string   // where to reach them; may be empty
	Note       string   // in their own words
	Activities []string // RPID: "on-the-phone", "away", Busy, "meeting" …
}

const (
	pidfNS = "urn:ietf:params:xml:ns:pidf"
	dmNS   = "urn:ietf:params:xml:ns:pidf:data-model"
	rpidNS = "urn:ietf:params:xml:ns:pidf:rpid"
)

// activities are those of RPID that we know; others are left out, so that no names but these go through.
var activities = []string{"appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "lunch",
	"meal", "meeting", OnThePhone, "performance", "permanent-absence", "playing", "presentation", "shopping", "sleeping", "spectator",
	"steering", "travel", "tv", "vacation", "working", "worship"}

type xmlPIDF struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
	Entity  string   `xml:"entity,attr"`
	Tuples  []struct {
		Status struct {
			Basic string `xml:"urn:ietf:params:xml:ns:pidf basic"`
		} `xml:"urn:ietf:params:xml:ns:pidf status"`
		Contact    string        `xml:"urn:ietf:params:xml:ns:pidf contact"`
		Notes      []string      `xml:"urn:ietf:params:xml:ns:pidf note"`
		Activities xmlActivities `xml:"urn:ietf:params:xml:ns:pidf:rpid activities"`
	} `xml:"urn:ietf:params:xml:ns:pidf tuple"`
	Notes   []string `xml:"urn:ietf:params:xml:ns:pidf note"`
	Persons []struct {
		Notes      []string      `xml:"urn:ietf:params:xml:ns:pidf:data-model note"`
		Activities xmlActivities `xml:"urn:ietf:params:xml:ns:pidf:rpid activities"`
	} `xml:"urn:ietf:params:xml:ns:pidf:data-model person"`
}

type xmlActivities struct {
	All []struct {
		XMLName xml.Name
	} `xml:",any"`
}

// ParsePIDF reads a document. Somebody with several tuples is reachable if one of these is. The error is ErrTooLarge or
// ErrMalformed.
func ParsePIDF(data []byte) (Presence, error) {
	var in xmlPIDF
	if err := decode(data, xml.Name{Space: pidfNS, Local: "presence"}, &in); err != nil {
		return Presence{}, err
	}
	p := Presence{Entity: clean(in.Entity)}
	notes := in.Notes
	add := func(a xmlActivities) {
		for _, x := range a.All {
			if slices.Contains(activities, x.XMLName.Local) && !slices.Contains(p.Activities, x.XMLName.Local) {
				p.Activities = append(p.Activities, x.XMLName.Local)
			}
		}
	}
	for _, t := range in.Tuples {
		switch b := Basic(strings.ToLower(strings.TrimSpace(t.Status.Basic))); {
		case b == Open, b == Closed && p.Basic == "":
			p.Basic = b
		}
		if p.Contact == "" {
			p.Contact = clean(t.Contact)
		}
		notes = append(notes, t.Notes...)
		add(t.Activities)
	}
	for _, person := range in.Persons {
		notes = append(notes, person.Notes...)
		add(person.Activities)
	}
	for _, n := range notes {
		if p.Note = clean(n); p.Note != "" {
			break
		}
	}
	return p, nil
}

// Marshal writes the document: one tuple, and a person (RFC 4479) when there is something to say of them.
func (p Presence) Marshal() []byte {
	var b strings.Builder
	b.WriteString(xmlHead + `<presence xmlns="` + pidfNS + `" xmlns:dm="` + dmNS + `" xmlns:rpid="` + rpidNS + `" entity="` + escaped(p.Entity) + `"><tuple id="cordboard"><status>`)
	if p.Basic != "" {
		b.WriteString("<basic>" + escaped(string(p.Basic)) + "</basic>")
	}
	b.WriteString("</status>")
	if p.Contact != "" {
		b.WriteString("<contact>" + escaped(p.Contact) + "</contact>")
	}
	if p.Note != "" {
		b.WriteString("<note>" + escaped(p.Note) + "</note>")
	}
	b.WriteString("</tuple>")
	if p.Note != "" { // before dm:person, which is a foreign element (RFC 3863 §4.4)
		b.WriteString("<note>" + escaped(p.Note) + "</note>")
	}
	if len(p.Activities) > 0 {
		b.WriteString(`<dm:person id="person"><rpid:activities>`)
		for _, a := range p.Activities {
			if slices.Contains(activities, a) {
				b.WriteString("<rpid:" + a + "/>")
			}
		}
		b.WriteString("</rpid:activities></dm:person>")
	}
	b.WriteString("</presence>")
	return []byte(b.String())
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder gives no errors
	return b.String()
}

package presence

import "encoding/xml"

// RegInfoType is the content type of a reginfo document.
const RegInfoType = "application/reginfo+xml"

// Contact is where a registered device is reached.
type Contact struct {
	ID  string
	URI string
}

// RegInfo is a reginfo document (RFC 3680): the full state of one address of record.
type RegInfo struct {
	Version  uint32
	AOR      string
	Contacts []Contact
}

// Marshal writes the document.
func (r RegInfo) Marshal() []byte {
	type contact struct {
		ID    string `xml:"id,attr"`
		State string `xml:"state,attr"`
		Event string `xml:"event,attr"`
		URI   string `xml:"uri"`
	}
	type registration struct {
		AOR      string    `xml:"aor,attr"`
		ID       string    `xml:"id,attr"`
		State    string    `xml:"state,attr"`
		Contacts []contact `xml:"contact"`
	}
	out := struct {
		XMLName      xml.Name     `xml:"urn:ietf:params:xml:ns:reginfo reginfo"`
		Version      uint32       `xml:"version,attr"`
		State        string       `xml:"state,attr"`
		Registration registration `xml:"registration"`
	}{Version: r.Version, State: "full", Registration: registration{AOR: r.AOR, ID: "a", State: "init"}}
	for _, c := range r.Contacts {
		out.Registration.State = "active"
		out.Registration.Contacts = append(out.Registration.Contacts, contact{c.ID, "active", "registered", c.URI})
	}
	return encode(out)
}

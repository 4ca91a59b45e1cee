package signaling

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// maxRoutes bounds a route set that a PBX gives us.
const maxRoutes = 10

// serviceRoute reads the route set for requests outside of a dialog from the answer to a REGISTER (RFC 3608 §5.1).
func serviceRoute(res *sip.Response) []sip.Uri {
	var list []sip.Uri
	for _, h := range res.GetHeaders("Service-Route") {
		list = append(list, routeList(h.Value())...)
	}
	return list[:min(len(list), maxRoutes)]
}

// routeList reads a list of addresses, "<sip:a;lr>, <sip:b;lr>". What is no SIP address is left out.
func routeList(text string) []sip.Uri {
	var list []sip.Uri
	for _, part := range splitAddresses(text) {
		var uri sip.Uri
		if _, err := sip.ParseAddressValue(part, &uri, &sip.HeaderParams{}); err != nil || !isSIP(uri) || uri.Wildcard {
			continue
		}
		uri.Headers = nil
		list = append(list, uri)
	}
	return list
}

// splitAddresses splits at the commas outside of quotes and angle brackets.
func splitAddresses(text string) []string {
	var list []string
	begin, quoted, angled := 0, false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angled:
			quoted = !quoted
		case quoted:
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case c == ',' && !angled:
			list = append(list, strings.TrimSpace(text[begin:i]))
			begin = i + 1
		}
	}
	return append(list, strings.TrimSpace(text[begin:]))
}

func (r *registration) setRoutes(routes []sip.Uri) {
	r.pbx.mu.Lock()
	defer r.pbx.mu.Unlock()
	r.routes = routes
}

// serviceRoute is the route set for the requests that user, as the PBX calls it, sends outside of a dialog.
func (p *pbx) serviceRoute(user string) []sip.Uri {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.regs {
		if r.creds.Username == user && r.state == stateRegistered {
			return slices.Clone(r.routes)
		}
	}
	return nil
}

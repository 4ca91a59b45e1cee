package signaling

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// anonymousHost is the host of who does not want to be known (RFC 3323 §4.1.1.3). No such name reaches the PBX: there the
// anonymous have the PBX's own.
const (
	anonymousHost = "anonymous.invalid"
	anonymousName = "anonymous"
)

// rule says which way a header goes that tells of people, or makes a phone do something by itself.
type rule struct {
	trusted bool                    // only a PBX may say it; a browser could claim anything
	private privacy                 // not to who is not trusted when the caller wants one of these
	parties bool                    // holds addresses, which each side knows by its own names
	browser func(value string) bool // what of it a browser may say; nil: everything
}

// rules are the headers that pass from leg to leg under a rule. The trusted ones of a browser are dropped: what it is called the
// gateway itself says (RFC 3325 §5), and what a phone may do unasked, answer by itself above all (RFC 5373 §9), only the PBX.
var rules = map[string]rule{
	"P-Asserted-Identity": {trusted: true, private: whoIsIt, parties: true},
	"Remote-Party-ID":     {trusted: true, private: whoIsIt, parties: true},
	"Diversion":           {trusted: true, parties: true},
	"History-Info":        {trusted: true, private: whoIsIt | privateHistory | privateHeader | privateSession, parties: true},
	"Answer-Mode":         {browser: func(v string) bool { return !strings.HasPrefix(strings.ToLower(strings.TrimSpace(v)), "auto") }},
	"Priv-Answer-Mode":    {trusted: true},
	"Alert-Info":          {browser: func(v string) bool { return !strings.Contains(strings.ToLower(v), "auto") }},
	"Call-Info":           {browser: func(v string) bool { return !strings.Contains(strings.ToLower(v), "answer-after") }},
}

// endToEnd are the option tags that concern only the two ends (RFC 4488, 4538, 5373, 7433).
var endToEnd = []string{"norefersub", "tdialog", "answermode", "uui"}

// cross copies the headers that pass by rules from a message on leg from to one on leg to.
func (s *Server) cross(from, to *leg, in interface {
	Headers() []sip.Header
	GetHeaders(string) []sip.Header
}, out interface{ AppendHeader(sip.Header) }) {
	var hidden privacy
	if !to.pbx.trusted() {
		hidden, _ = privacyOf(in)
	}
	for name, r := range rules {
		if r.trusted && !from.pbx.trusted() || r.private&hidden != 0 {
			continue
		}
		for _, h := range in.GetHeaders(name) {
			value := h.Value()
			if !from.pbx.trusted() && r.browser != nil && !r.browser(value) {
				continue
			}
			if r.parties {
				value = s.renameList(from, to, value)
			}
			if value != "" {
				out.AppendHeader(sip.NewHeader(name, value))
			}
		}
	}
	for _, h := range in.GetHeaders("Target-Dialog") {
		if value, ok := s.renameTarget(h.Value()); ok {
			out.AppendHeader(sip.NewHeader("Target-Dialog", value))
		}
	}
	for _, name := range []string{"Supported", "Require"} {
		var tags []string
		for _, tag := range listOf(in, name) {
			if slices.Contains(endToEnd, strings.ToLower(tag)) {
				tags = append(tags, tag)
			}
		}
		if len(tags) > 0 {
			out.AppendHeader(sip.NewHeader(name, strings.Join(tags, ", ")))
		}
	}
}

// anonymous says whether From hides its user. What binds a request of a browser to a user is its flow.
func anonymous(from *sip.FromHeader) bool {
	return from != nil && strings.EqualFold(from.Address.User, anonymousName) && strings.EqualFold(from.Address.Host, anonymousHost)
}

// identify gives the branch l the name by which it shall know the caller, and the headers that assert who that is (RFC 3325 §5). A browser that asks for
// privacy is anonymous in From on either side; only the PBX, which is trusted, learns who it is.
func (u *setup) identify(l *leg) []sip.Header {
	if u.from.guest != nil { // its PBX asserts that
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []sip.Header
	if u.from.pbx == nil { // else the PBX has asserted it, or not
		list = append(list, assertedIdentity(l.local.display, l.local.uri))
	}
	asked, _ := privacyOf(u.req)
	hidden := asked&whoIsIt != 0 || anonymous(u.req.From())
	if u.from.pbx != nil { // which writes From as its caller wants it, unless it leaves that to us
		hidden = asked&privateUser != 0 && !l.pbx.trusted()
	}
	if !hidden {
		return list
	}
	l.local.display, l.local.uri = "Anonymous", sip.Uri{Scheme: "sip", User: anonymousName, Host: anonymousHost}
	if !l.pbx.trusted() {
		return nil
	}
	if !l.pbx.web() { // which takes us for a browser
		l.local.uri.Host = l.pbx.uri.Host
	}
	if asked == 0 {
		list = append(list, sip.NewHeader("Privacy", "id"))
	}
	return list
}

// identity asserts toward the leg to who a party is that joins its call later: a user by our word, somebody at the PBX by the PBX's.
func (s *Server) identity(from caller, to *leg) []sip.Header {
	display, uri := from.user.Display, sip.Uri{Scheme: "sip", User: from.user.Name, Host: s.cfg.Domain}
	side := &leg{pbx: from.pbx}
	if from.pbx != nil {
		h := from.req.From()
		display, uri = h.DisplayName, sip.Uri{Scheme: "sip", User: h.Address.User, Host: from.pbx.uri.Host}
		if h := from.req.GetHeader("P-Asserted-Identity"); h != nil {
			if p, ok := parseParty(first(splitList(h.Value()))); ok && isSIP(p.uri) {
				display, uri = p.display, p.uri
			}
		}
	}
	if to.pbx.isStrange() || !to.pbx.trusted() && (wantsPrivacy(from.req) || anonymous(from.req.From())) {
		return nil
	}
	if from.pbx != nil && from.pbx.neighbour != nil {
		who := from.pbx.colleague(from.req.From())
		return []sip.Header{assertedIdentity(who.display, who.uri)}
	}
	return []sip.Header{assertedIdentity(display, s.renamed(side, to, uri))}
}

// answering asserts toward the caller whose browser rings or answers: not always that of whom was called (RFC 3325 §9.1).
func (s *Server) answering(from, to *leg, res *sip.Response) []sip.Header {
	if from.pbx != nil || res.StatusCode >= 300 || !to.pbx.trusted() && wantsPrivacy(res) {
		return nil
	}
	from.mu.Lock()
	who := from.remote
	from.mu.Unlock()
	return []sip.Header{assertedIdentity(who.display, s.renamed(from, to, who.uri))}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func assertedIdentity(display string, uri sip.Uri) sip.Header {
	uri.Port, uri.UriParams, uri.Headers = 0, nil, nil
	h := sip.ContactHeader{DisplayName: display, Address: uri}
	return sip.NewHeader("P-Asserted-Identity", h.Value())
}

// party is an address in a header, with its parameters.
type party struct {
	display string
	uri     sip.Uri
	params  sip.HeaderParams
}

func parseParty(text string) (p party, ok bool) {
	display, err := sip.ParseAddressValue(text, &p.uri, &p.params)
	p.display = display
	return p, err == nil
}

// renameList writes each address of a header as the other side knows it. What is no SIP address stays, and what is none at all goes.
func (s *Server) renameList(from, to *leg, value string) string {
	var list []string
	for _, text := range splitList(value) {
		p, ok := parseParty(text)
		if !ok {
			continue
		}
		if p.uri.Scheme == "sip" || p.uri.Scheme == "sips" {
			s.rename(from, to, &p.uri)
			h := sip.ContactHeader{DisplayName: p.display, Address: p.uri, Params: p.params}
			text = h.Value()
		}
		if !strings.Contains(text, ".invalid") || to.pbx == nil {
			list = append(list, text)
		}
	}
	return strings.Join(list, ", ")
}

// renameTarget writes the dialog that Target-Dialog names (RFC 4538 §7) as the far end of our leg of it knows it. There local-tag is the
// recipient's own.
func (s *Server) renameTarget(value string) (string, bool) {
	as := strings.NewReplacer("local-tag", "to-tag", "remote-tag", "from-tag")
	d, _, ok := parseReplaces(as.Replace(value))
	if !ok {
		return "", false
	}
	far := s.farEnd(d)
	if far == d {
		return value, true
	}
	return far.callID + ";local-tag=" + far.to + ";remote-tag=" + far.from, true
}

// splitList cuts a header's value at the commas between its elements: not at those in quotes or angle brackets.
func splitList(value string) []string {
	var list []string
	start, quoted, inside, escaped := 0, false, false, false
	add := func(end int) {
		if v := strings.TrimSpace(value[start:end]); v != "" {
			list = append(list, v)
		}
	}
	for i := range len(value) {
		c := value[i]
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"' && !inside:
			quoted = !quoted
		case quoted:
		case c == '<':
			inside = true
		case c == '>':
			inside = false
		case c == ',' && !inside:
			add(i)
			start = i + 1
		}
	}
	add(len(value))
	return list
}

// isToken says whether text can stand as a token (RFC 3261 §25.1).
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.!%*_+`'~", r))
	})
}

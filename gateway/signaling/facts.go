package signaling

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/sdp"
)

// maxFact is how many values of a fact are kept, and maxValue how long each may be in bytes: a PBX is trusted with calls, not with memory.
const (
	maxFact  = 64
	maxValue = 64
)

// forgetNo is how long a PBX is believed not to know an extension: it may have been set up anew since.
const forgetNo = 24 * time.Hour

// facts is what a PBX was seen to do. The zero value knows nothing and is ready.
type facts struct {
	mu    sync.Mutex
	known map[string]call.Fact
	dirty map[string]bool // not in the store yet
}

// get gives the values of a fact; nil when it is not known.
func (f *facts) get(name string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[name].Values
}

// supports says whether the PBX has shown that it knows a SIP extension, by its option tag: "path", "timer", "100rel", "replaces".
func (f *facts) supports(tag string) bool { return slices.Contains(f.get(call.FactSupported), tag) }

// refuses says whether the PBX has shown within the last day that it does not know an extension.
func (f *facts) refuses(tag string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	no := f.known[call.FactUnsupported]
	return slices.Contains(no.Values, tag) && time.Since(no.Learned) < forgetNo
}

// set keeps a fact; true when that is news.
func (f *facts) set(name string, values ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(name, values)
}

// add keeps a fact that grows: what was seen once stays.
func (f *facts) add(name string, values ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(name, append(slices.Clone(f.known[name].Values), values...))
}

// drop takes a value out of a fact.
func (f *facts) drop(name, value string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.known[name].Values
	if !slices.Contains(old, value) {
		return false
	}
	return f.put(name, slices.DeleteFunc(slices.Clone(old), func(v string) bool { return v == value }))
}

// put keeps a fact in order and within bounds; the caller holds f.mu.
func (f *facts) put(name string, values []string) bool {
	kept := []string{}
	for _, v := range values {
		v = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, strings.ToValidUTF8(strings.TrimSpace(v), ""))
		if v = v[:min(len(v), maxValue)]; v != "" && len(kept) < maxFact && !slices.Contains(kept, v) {
			kept = append(kept, strings.ToValidUTF8(v, ""))
		}
	}
	old, there := f.known[name]
	if there && slices.Equal(old.Values, kept) {
		return false
	}
	if f.known == nil {
		f.known, f.dirty = make(map[string]call.Fact), make(map[string]bool)
	}
	f.known[name] = call.Fact{Name: name, Values: kept, Learned: time.Now()}
	f.dirty[name] = true
	return true
}

// list is all that is known, sorted by name.
func (f *facts) list() []call.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []call.Fact{}
	for _, fact := range f.known {
		all = append(all, fact)
	}
	slices.SortFunc(all, func(a, b call.Fact) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// recall takes over what an earlier run has learned.
func (f *facts) recall(known []call.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known, f.dirty = make(map[string]call.Fact), make(map[string]bool)
	}
	for _, fact := range known {
		if _, newer := f.known[fact.Name]; !newer {
			f.known[fact.Name] = fact
		}
	}
}

// news are the facts that the store does not have yet. They count as stored.
func (f *facts) news() []call.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []call.Fact
	for name := range f.dirty {
		all = append(all, f.known[name])
	}
	clear(f.dirty)
	return all
}

// learn takes from a response of the PBX what it tells of the PBX. In a call it is often a phone behind the PBX that answers, so the
// methods and extensions are read only off answers that are the PBX's own.
func (p *pbx) learn(res *sip.Response) {
	news := p.facts.add(call.FactTransports, res.Transport())
	method := sip.RequestMethod("")
	if res.CSeq() != nil {
		method = res.CSeq().MethodName
	}
	switch method {
	case sip.REGISTER, sip.OPTIONS:
		for fact, header := range map[string]string{call.FactAllow: "Allow", call.FactEvents: "Allow-Events", call.FactSupported: "Supported"} {
			if list := listOf(res, header); len(list) > 0 {
				news = p.facts.add(fact, list...) || news
			}
		}
		for _, header := range []string{"User-Agent", "Server"} {
			if name := valueOf(res, header); name != "" {
				news = p.facts.set(call.FactServer, name) || news
			}
		}
	case sip.SUBSCRIBE, sip.PUBLISH:
		news = p.facts.add(call.FactEvents, listOf(res, "Allow-Events")...) || news
	case sip.INVITE:
		news = p.learnTimer(res) || news
	}
	if method == sip.REGISTER {
		news = p.learnRegistrar(res) || news
	}
	if res.StatusCode == sip.StatusBadExtension {
		for _, tag := range listOf(res, "Unsupported") {
			news = p.refused(tag) || news
		}
	}
	if news {
		p.srv.noteFacts()
	}
}

// learnRegistrar takes what only the answer to REGISTER tells.
func (p *pbx) learnRegistrar(res *sip.Response) (news bool) {
	switch res.StatusCode {
	case sip.StatusOK:
		if seconds := valueOf(res, "Expires"); seconds != "" && seconds != "0" {
			news = p.facts.set(call.FactExpires, seconds)
		}
	case sip.StatusIntervalToBrief:
		news = p.facts.set(call.FactMinExpires, valueOf(res, "Min-Expires"))
	case sip.StatusUnauthorized, sip.StatusProxyAuthRequired:
		for _, header := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
			for _, h := range res.GetHeaders(header) {
				news = p.facts.add(call.FactAuthentication, algorithmOf(h.Value())) || news
			}
		}
	}
	return news
}

// algorithmOf is the algorithm of a digest challenge (RFC 7616 §3.3); MD5 when it names none.
func algorithmOf(challenge string) string {
	for part := range strings.SplitSeq(challenge, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(key), "algorithm") {
			return strings.ToUpper(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return "MD5"
}

// refused keeps that the PBX does not know an extension, as of now.
func (p *pbx) refused(tag string) bool {
	p.facts.drop(call.FactSupported, tag)
	p.facts.drop(call.FactUnsupported, tag)
	return p.facts.add(call.FactUnsupported, tag)
}

// accepted keeps that the PBX knows an extension.
func (p *pbx) accepted(tag string) {
	again := p.facts.drop(call.FactUnsupported, tag)
	if p.facts.add(call.FactSupported, tag) || again {
		p.srv.noteFacts()
	}
}

// learnTimer keeps the session timer of an answered call (RFC 4028).
func (p *pbx) learnTimer(res *sip.Response) bool {
	seconds, _, _ := strings.Cut(valueOf(res, "Session-Expires"), ";")
	if n, err := strconv.ParseUint(strings.TrimSpace(seconds), 10, 31); err == nil && res.IsSuccess() {
		return p.facts.set(call.FactSessionExpires, strconv.FormatUint(n, 10))
	}
	return false
}

// learnSound keeps which codecs the PBX offers or answers.
func (p *pbx) learnSound(fact string, description []byte) {
	if len(description) == 0 {
		return
	}
	said, err := sdp.Parse(description)
	if err != nil {
		return
	}
	news := false
	for _, c := range said.Codecs {
		name := c.Name + "/" + strconv.FormatUint(uint64(c.ClockRate), 10)
		if strings.EqualFold(c.Name, "telephone-event") {
			news = p.facts.add(call.FactDTMF, "telephone-event") || news
			continue
		}
		news = p.facts.add(fact, name) || news
	}
	if news {
		p.srv.noteFacts()
	}
}

// learnCall takes what the answer of the PBX to an INVITE tells.
func (p *pbx) learnCall(req *sip.Request, res *sip.Response) {
	p.learn(res)
	fact := call.FactOffered
	if len(req.Body()) > 0 {
		fact = call.FactAnswered
	}
	if text, ok := sdpOf(res); ok {
		p.learnSound(fact, text)
	}
}

// learnRequest takes what a request of the PBX tells.
func (p *pbx) learnRequest(req *sip.Request) {
	switch req.Method {
	case sip.INVITE:
		if text, ok := sdpOf(req); ok {
			p.learnSound(call.FactOffered, text)
		}
	case sip.INFO:
		if ct := req.ContentType(); ct != nil && strings.HasPrefix(strings.ToLower(ct.Value()), "application/dtmf") &&
			p.facts.add(call.FactDTMF, "info") {
			p.srv.noteFacts()
		}
	}
}

// noteFacts says that there is something new to keep.
func (s *Server) noteFacts() {
	select {
	case s.learned <- struct{}{}:
	default: // keepFacts will look
	}
}

// recallFacts reads what was learned earlier of a PBX.
func (s *Server) recallFacts(ctx context.Context, p *pbx) {
	if s.deps.Knowledge == nil {
		return
	}
	known, err := s.deps.Knowledge.Facts(ctx, p.cfg.URI)
	if err != nil {
		p.log.Error("facts of the PBX not read", "error", err)
	}
	p.facts.recall(known)
}

// keepFacts stores what is learned until ctx ends, and then what is left.
func (s *Server) keepFacts(ctx context.Context) {
	for {
		select {
		case <-s.learned:
			s.storeFacts(ctx)
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			defer stop()
			s.storeFacts(last)
			return
		}
	}
}

func (s *Server) storeFacts(ctx context.Context) {
	for _, p := range s.roster().all {
		s.keepFactsOf(ctx, p)
	}
}

func (s *Server) keepFactsOf(ctx context.Context, p *pbx) {
	if s.deps.Knowledge == nil {
		return
	}
	for _, f := range p.facts.news() {
		if err := s.deps.Knowledge.Learn(ctx, p.cfg.URI, f); err != nil {
			p.log.Error("fact of the PBX not kept", "fact", f.Name, "error", err)
		}
	}
}

// PBXs tells what is known of each PBX.
func (s *Server) PBXs() []call.PBX {
	list := []call.PBX{}
	for _, p := range s.pbxes() {
		x := call.PBX{Name: p.cfg.Name, Mode: p.cfg.mode(), URI: p.cfg.URI, Prefixes: p.cfg.Prefixes, Domains: p.cfg.Domains, Facts: p.facts.list()}
		for _, st := range p.status() {
			x.State = append(x.State, call.PBXState{User: st.User, State: st.State, Detail: st.Detail})
		}
		list = append(list, x)
	}
	return list
}

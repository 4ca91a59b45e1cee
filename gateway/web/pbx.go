package web

import (
	"net/http"
	"slices"

	"cordboard/gateway/call"
)

// pbxInfo is what is known of a PBX.
type pbxInfo struct {
	Name     string     `json:"name"`
	Mode     string     `json:"mode"`
	URI      string     `json:"uri"`
	Prefixes []string   `json:"prefixes"` // numbers that go to it begin so
	Domains  []string   `json:"domains"`  // addresses that go to it have one of these
	State    []pbxState `json:"state"`
	Facts    []pbxFact  `json:"facts"` // sorted by name; package call lists the names
}

// pbxState is how it stands with a PBX, or with one user's registration there.
type pbxState struct {
	User   string `json:"user,omitempty"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// pbxFact is what a PBX was seen to do.
type pbxFact struct {
	Name    string   `json:"name"`
	Values  []string `json:"values"`
	Learned int64    `json:"learned"` // when, in Unix milliseconds
}

// pbxs tells what is known of each PBX.
func (s *Server) pbxs(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	list := []pbxInfo{}
	for _, p := range s.deps.PBXs() {
		p.State = slices.DeleteFunc(slices.Clone(p.State), func(st call.PBXState) bool { return !sees(u, st.User) })
		list = append(list, pbxInfoOf(p))
	}
	return write(w, http.StatusOK, struct {
		PBX []pbxInfo `json:"pbx"`
	}{list})
}

func pbxInfoOf(p call.PBX) pbxInfo {
	info := pbxInfo{Name: p.Name, Mode: p.Mode, URI: p.URI, Prefixes: notNil(p.Prefixes), Domains: notNil(p.Domains),
		State: make([]pbxState, len(p.State)), Facts: make([]pbxFact, len(p.Facts))}
	for i, st := range p.State {
		info.State[i] = pbxState(st)
	}
	for i, f := range p.Facts {
		info.Facts[i] = pbxFact{Name: f.Name, Values: notNil(f.Values), Learned: f.Learned.UnixMilli()}
	}
	return info
}

// notNil is an empty list where there is none, so that JSON has [] and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

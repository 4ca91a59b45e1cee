package web

import (
	"net/http"
	"slices"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// liveCall is a call of the moment. Times are in Unix milliseconds.
type liveCall struct {
	ID       string     `json:"id"`
	From     string     `json:"from"`
	To       string     `json:"to"`
	State    call.State `json:"state"`
	Asked    int64      `json:"asked"`
	Answered int64      `json:"answered,omitzero"`
	Users    []string   `json:"users"` // who takes part, or is rung
}

// calls tells the calls of the moment: the user's own, an administrator all.
func (s *Server) calls(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	list := []liveCall{}
	for _, c := range s.deps.Calls() {
		if !takesPart(u, c) {
			continue
		}
		l := liveCall{ID: c.ID, From: c.From, To: c.To, State: c.State, Asked: c.Since.UnixMilli(), Users: notNil(c.Users)}
		if !c.Answer.IsZero() {
			l.Answered = c.Answer.UnixMilli()
		}
		list = append(list, l)
	}
	return write(w, http.StatusOK, struct {
		Calls []liveCall `json:"calls"`
	}{list})
}

// media tells how the media of a call is doing. To those who take no part there is no such call; addresses are for administrators.
func (s *Server) media(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	all := s.deps.Calls()
	i := slices.IndexFunc(all, func(c call.Live) bool { return c.ID == id && takesPart(u, c) })
	if i < 0 {
		return errNotFound
	}
	m := s.deps.Media(id)
	m.Asked = all[i].Since.UnixMilli()
	if !all[i].Answer.IsZero() {
		m.Answered = all[i].Answer.UnixMilli()
	}
	m.Legs, m.Troubles = notNil(m.Legs), notNil(m.Troubles)
	for i := range m.Legs {
		if !u.Admin {
			m.Legs[i].Local, m.Legs[i].Announced, m.Legs[i].Remote = "", "", ""
		}
	}
	return write(w, http.StatusOK, m)
}

// takesPart says whether a user may know of a call.
func takesPart(u auth.User, c call.Live) bool { return u.Admin || slices.Contains(c.Users, u.Name) }

package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"cordboard/audio"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// Desk is the phone that this machine is. What it refuses is a *call.DeskFault.
type Desk interface {
	State() call.DeskState
	// Watch tells how the phone is doing, at first and after each change, until ctx ends.
	Watch(ctx context.Context) <-chan call.DeskState
	Call(target string) (id string, err error)
	// Take moves a call of the owner's to this machine; replaces names its dialog (RFC 3891 §6.1).
	Take(replaces string) (id string, err error)
	Answer(id string) error
	HangUp(id string) error
	Hold(id string) error
	Resume(id string) error
	Mute(id string, muted bool) error
	Press(id, keys string) error
	Transfer(id, target string) error // a number or name, or another call's ID
	Move(id string) error             // to the owner's device that answers
	Join() error
	DoNotDisturb(on bool)
	// Listen keeps microphone and loudspeaker open for so long, so that their levels are known without a call; 0: no longer.
	Listen(d time.Duration)
	// Sample plays a short melody on the loudspeaker or the ringer.
	Sample(purpose audio.Purpose) error
}

var (
	errNoDesk    = &fault{Status: http.StatusNotFound, Code: "no_desk", Message: "The sound of this machine is switched off, or this Cordboard has none."}
	errNotOwner  = &fault{Status: http.StatusForbidden, Code: "not_owner", Message: "Only the one whose device this machine is, or an administrator, may do this."}
	errNothingOf = &fault{Status: http.StatusNotFound, Code: "no_call", Message: "There is no such call that could be moved to this machine."}
)

// desk lets who may use the machine's phone do something with it.
func (s *Server) desk(do func(w http.ResponseWriter, r *http.Request, d Desk) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, _, err := s.deskOf(r)
		if err != nil {
			return err
		}
		err = do(w, r, d)
		var f *call.DeskFault
		if !errors.As(err, &f) {
			return err
		}
		status := map[string]int{"no_call": http.StatusNotFound, "bad_target": http.StatusBadRequest, "no_phone": http.StatusServiceUnavailable}[f.Code]
		if status == 0 {
			status = http.StatusConflict
		}
		return &fault{Status: status, Code: f.Code, Message: f.Message}
	}
}

// deskOf gives the machine's phone to its owner and to administrators.
func (s *Server) deskOf(r *http.Request) (Desk, auth.User, error) {
	u, err := s.signedIn(r)
	switch {
	case err != nil:
		return nil, u, err
	case s.deps.Desk == nil:
		return nil, u, errNoDesk
	case !u.Admin && s.deps.Desk.State().Owner != u.Name:
		return nil, u, errNotOwner
	}
	return s.deps.Desk, u, nil
}

// deskState tells how the phone is doing, or sets whether it takes calls.
func (s *Server) deskState(w http.ResponseWriter, r *http.Request, d Desk) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		var in struct{ Busy *bool }
		if err := read(r, &in); err != nil {
			return err
		}
		if in.Busy == nil {
			return errMalformed
		}
		d.DoNotDisturb(*in.Busy)
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and POST.", allow: "GET, POST"}
	}
	return write(w, http.StatusOK, d.State())
}

// deskCall makes a call, or moves one of the owner's to this machine.
func (s *Server) deskCall(w http.ResponseWriter, r *http.Request, d Desk) error {
	var in struct {
		Target string
		Take   string // the ID of a call of the moment
	}
	if err := read(r, &in); err != nil {
		return err
	}
	var id string
	var err error
	if in.Take != "" {
		replaces := ""
		if s.deps.Dialog != nil {
			replaces = s.deps.Dialog(in.Take, d.State().Owner)
		}
		if replaces == "" {
			return errNothingOf
		}
		id, err = d.Take(replaces)
	} else {
		id, err = d.Call(in.Target)
	}
	if err != nil {
		return err
	}
	if r.Context().Err() != nil && in.Take == "" { // who dialled has gone, and would never learn how to hang up
		_ = d.HangUp(id) // it may have ended
		return nil
	}
	return write(w, http.StatusCreated, struct {
		ID string `json:"id"`
	}{id})
}

// deskDo does something with a call of the phone's.
func (s *Server) deskDo(w http.ResponseWriter, r *http.Request, d Desk) error {
	var in struct {
		On     *bool
		Digits string
		Target string
	}
	if err := read(r, &in); err != nil {
		return err
	}
	id := r.PathValue("id")
	var err error
	switch r.PathValue("verb") {
	case "answer":
		err = d.Answer(id)
	case "hangup":
		err = d.HangUp(id)
	case "hold":
		err = d.Hold(id)
	case "resume":
		err = d.Resume(id)
	case "mute":
		err = d.Mute(id, in.On == nil || *in.On)
	case "digits":
		err = d.Press(id, in.Digits)
	case "transfer":
		err = d.Transfer(id, in.Target)
	case "move":
		err = d.Move(id)
	default:
		return errNotFound
	}
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, d.State())
}

// deskJoin makes one conference of all calls.
func (s *Server) deskJoin(w http.ResponseWriter, r *http.Request, d Desk) error {
	if err := d.Join(); err != nil {
		return err
	}
	return write(w, http.StatusOK, d.State())
}

// deskEvents streams how the phone is doing until the client leaves, the session ends or the server stops.
func (s *Server) deskEvents(w http.ResponseWriter, r *http.Request, d Desk) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	leave, ok := s.streams.admit(u.Name)
	if !ok {
		return errStreams
	}
	defer leave()
	send := stream(w)
	if r.Method == http.MethodHead {
		return nil
	}
	news := d.Watch(r.Context())
	alive := time.NewTicker(streamAlive)
	defer alive.Stop()
	for {
		var text strings.Builder
		select {
		case <-r.Context().Done():
			return nil
		case <-s.streams.stopping:
			return nil
		case <-alive.C:
			if _, _, err := s.deskOf(r); err != nil {
				return nil
			}
			text.WriteString(": alive\n\n")
		case state := <-news:
			event(&text, "desk", state)
		}
		if !send(text.String()) {
			return nil
		}
	}
}

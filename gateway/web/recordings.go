package web

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// Recordings are those of calls, as far as each user may know of them.
type Recordings interface {
	// Set switches the recording of a call that is up, State tells how it stands. The error is call.ErrNoRecording for a call that is
	// not up or none of the user's, call.ErrNotAllowed, or a fault.
	Set(ctx context.Context, id string, u auth.User, on bool) (call.RecordingState, error)
	State(id string, u auth.User) (call.RecordingState, error)
	// Watch tells of the user's calls that are up until ctx ends.
	Watch(ctx context.Context, u auth.User) <-chan call.RecordingState
	// List gives the newest limit recordings that began before a time (zero: any), newest first.
	List(ctx context.Context, u auth.User, before time.Time, limit int) ([]call.Recording, error)
	// Open opens a recording's file; the error may be call.ErrNoRecording.
	Open(ctx context.Context, u auth.User, id string) (call.Recording, *os.File, error)
	// Delete deletes a recording; the error may be call.ErrNoRecording or call.ErrNotAllowed.
	Delete(ctx context.Context, u auth.User, id string) error
}

// downloadTime is how long the answer with a recording may take.
const downloadTime = time.Hour

var (
	errNoRecording  = &fault{Status: http.StatusNotFound, Code: "no_recording", Message: "There is no such recording."}
	errNoCall       = &fault{Status: http.StatusNotFound, Code: "no_call", Message: "You are in no such call."}
	errNotRecorded  = &fault{Status: http.StatusForbidden, Code: "not_allowed", Message: "You may not switch the recording of this call."}
	errKeepsIt      = &fault{Status: http.StatusForbidden, Code: "not_allowed", Message: "Only an administrator may delete this recording."}
	errRecorderFail = &fault{Status: http.StatusInternalServerError, Code: "not_recorded", Message: "The call can't be recorded. Cordboard's log says why."}
)

// record tells how it stands with the recording of a call, or switches it.
func (s *Server) record(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	if s.deps.Recordings == nil {
		return errNoCall
	}
	id := r.PathValue("id")
	var state call.RecordingState
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		state, err = s.deps.Recordings.State(id, u)
	case http.MethodPost:
		var in struct{ On *bool }
		if err := read(r, &in); err != nil {
			return err
		}
		if in.On == nil {
			return errMalformed
		}
		state, err = s.deps.Recordings.Set(r.Context(), id, u, *in.On)
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and POST.", allow: "GET, POST"}
	}
	switch {
	case errors.Is(err, call.ErrNoRecording):
		return errNoCall
	case errors.Is(err, call.ErrNotAllowed):
		return errNotRecorded
	case err != nil:
		s.log.Error("call not recorded", "call", id, "error", err)
		return errRecorderFail
	}
	return write(w, http.StatusOK, state)
}

// Recording is a recording in the list. Times are in Unix milliseconds.
type Recording struct {
	ID          string   `json:"id"` // of the call
	From        string   `json:"from"`
	FromDisplay string   `json:"from_display"`
	To          string   `json:"to"`
	ToDisplay   string   `json:"to_display"`
	Users       []string `json:"users"` // who took part
	Began       int64    `json:"began"`
	Seconds     int64    `json:"seconds"`
	Format      string   `json:"format"` // "wav" or "opus"
}

// recordings lists those that the user may hear.
func (s *Server) recordings(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	end, limit, err := paging(r)
	if err != nil {
		return err
	}
	list := []Recording{}
	if s.deps.Recordings != nil {
		found, err := s.deps.Recordings.List(r.Context(), u, end, limit)
		if err != nil {
			return err
		}
		for _, c := range found {
			list = append(list, Recording{ID: c.ID, From: c.From, FromDisplay: c.FromDisplay, To: c.To, ToDisplay: c.ToDisplay, Users: c.Users,
				Began: c.Began.UnixMilli(), Seconds: max(0, int64(c.Ended.Sub(c.Began)/time.Second)), Format: filepath.Ext(c.File)[1:]})
		}
	}
	return write(w, http.StatusOK, struct {
		Recordings []Recording `json:"recordings"`
	}{list})
}

// recording gives the sound of one, whole or in parts (RFC 9110 §14), or deletes it.
func (s *Server) recording(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	if s.deps.Recordings == nil {
		return errNoRecording
	}
	id := r.PathValue("id")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.play(w, r, u, id)
	case http.MethodDelete:
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and DELETE.", allow: "GET, DELETE"}
	}
	switch err := s.deps.Recordings.Delete(r.Context(), u, id); {
	case errors.Is(err, call.ErrNoRecording):
		return errNoRecording
	case errors.Is(err, call.ErrNotAllowed):
		return errKeepsIt
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) play(w http.ResponseWriter, r *http.Request, u auth.User, id string) error {
	c, f, err := s.deps.Recordings.Open(r.Context(), u, id)
	if errors.Is(err, call.ErrNoRecording) {
		return errNoRecording
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "audio/wav")
	if filepath.Ext(c.File) == ".opus" {
		h.Set("Content-Type", "audio/ogg")
	}
	if r.URL.Query().Has("download") {
		h.Set("Content-Disposition", `attachment; filename="`+c.File+`"`) // made of a time and an ID
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadTime))
	s.log.Info("recording opened", "call", id, "by", u.Name)
	http.ServeContent(w, r, "", c.Ended, f)
	return nil
}

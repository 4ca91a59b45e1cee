package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// maxBody is how much of a request is read, in bytes; the longest real one has a few hundred.
const maxBody = 64 << 10

// fault is an answer other than success: a code for programs and a sentence for people.
type fault struct {
	Status     int    `json:"-"`
	Code       string `json:"error"`
	Message    string `json:"message"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
	allow      string

	Faults []SettingsFault `json:"faults,omitempty"` // of the configuration file, all of them
}

func (f *fault) Error() string { return f.Message }

// Faults that any path may give.
var (
	errNotFound    = &fault{Status: http.StatusNotFound, Code: "not_found", Message: "There is nothing at this address."}
	errForeign     = &fault{Status: http.StatusForbidden, Code: "foreign_origin", Message: "This site may not use Cordboard. Ask for it to be added to the allowed sites."}
	errInsecure    = &fault{Status: http.StatusForbidden, Code: "https_required", Message: "Open this page with https:// in front of its address, so that nobody can read your password on the way."}
	errContentType = &fault{Status: http.StatusUnsupportedMediaType, Code: "json_required", Message: "The request must be sent as application/json."}
	errTooLarge    = &fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "The request is too large."}
	errMalformed   = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "The request could not be read."}
	errSignedOut   = &fault{Status: http.StatusUnauthorized, Code: "signed_out", Message: "You are signed out. Sign in again."}
	errInternal    = &fault{Status: http.StatusInternalServerError, Code: "internal", Message: "Something went wrong in Cordboard. Its log says more."}
)

// api makes a handler of one API path. method "" takes any. do's error becomes the answer: a fault as it is,
// anything else as 500 with a line in the log.
func (s *Server) api(method string, do func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		s.cors(w.Header(), r)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		err := s.admit(w, r, method)
		if err == nil {
			err = do(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// cors lets the pages of listed origins read the answer (Fetch §3.2); to all others the browser shows nothing.
func (s *Server) cors(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	from := r.Header.Get("Origin")
	if from == "" || !s.cfg.listed(from) {
		return
	}
	h.Set("Access-Control-Allow-Origin", from)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		h.Set("Access-Control-Max-Age", "600")
	}
}

// admit refuses what another site's page could make a browser send. A request without Origin is not from a
// page: browsers send it with every POST.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, method string) error {
	if method != "" && r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Message: "This address takes only " + method + ".", allow: method}
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	who := s.cfg.client(r)
	from := r.Header.Get("Origin")
	foreign := from != "" && from != origin(who.scheme, r.Host) && !s.cfg.listed(from)
	if foreign || from == "" && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return errForeign
	}
	if !who.private {
		return errInsecure
	}
	if r.Method == http.MethodDelete { // has no body
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errContentType
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	return nil
}

// read takes the request's body, one JSON value, into v.
func read(r *http.Request, v any) error {
	decoder := json.NewDecoder(r.Body)
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			return nil
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge
	}
	return errMalformed
}

// write answers with v as JSON.
func write(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
	return nil
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var f *fault
	if !errors.As(err, &f) {
		s.log.Error("request failed", "path", r.URL.Path, "error", err)
		f = errInternal
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.allow != "" {
		w.Header().Set("Allow", f.allow)
	}
	_ = write(w, f.Status, f) // a fault is always JSON
}

func (s *Server) nothingHere(http.ResponseWriter, *http.Request) error { return errNotFound }

package web

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Settings is the answer of GET /api/v1/settings: what the configuration file says.
type Settings struct {
	File     string         `json:"file"`
	Version  string         `json:"version"`  // of its text, for a change; empty: there is no file yet
	Settings map[string]any `json:"settings"` // as the file has them, with defaults, without secrets
	InFile   []string       `json:"in_file"`  // the keys that stand in the file, as "pbx[0].uri"; the others have their default
	Secrets  []string       `json:"secrets"`  // keys of secrets that are set; what they are is told to nobody
	Live     []string       `json:"live"`     // tables whose changes are in force at once
	Waiting  []string       `json:"waiting"`  // tables that were changed since Cordboard started and wait for the next start
	Notices  []string       `json:"notices"`  // keys that do nothing yet
}

// SettingsChange is one change of the configuration file: Set, Add or Remove.
type SettingsChange struct {
	Set    string                     `json:"set"` // a key, as "name", "log.level" or "user[0].display"
	To     json.RawMessage            `json:"to"`  // its value; null: the default
	Add    string                     `json:"add"` // "pbx" or "user"
	Entry  map[string]json.RawMessage `json:"entry"`
	Remove string                     `json:"remove"` // as "user[1]"
}

// SettingsDone tells of changes that are in the file now.
type SettingsDone struct {
	Version string   `json:"version"`
	Message string   `json:"message"` // one or two sentences
	Waiting []string `json:"waiting"` // tables that wait for the next start
}

// SettingsKeeper keeps the configuration file.
type SettingsKeeper interface {
	// Settings gives what the file says; *SettingsRefused while it has faults.
	Settings() (Settings, error)
	// Change makes all of the changes, in order, or none. The error is ErrSettingsChanged when the file has another version,
	// *SettingsRefused when it would have faults, or tells why it could not be written.
	Change(version string, changes []SettingsChange) (SettingsDone, error)
}

// ErrSettingsChanged reports that the configuration file is not the one that a change was meant for.
var ErrSettingsChanged = errors.New("the configuration file was changed meanwhile")

// SettingsRefused reports a configuration file that has, or would have, faults.
type SettingsRefused struct{ Faults []SettingsFault }

// SettingsFault is one of them.
type SettingsFault struct {
	Key     string `json:"key,omitempty"`  // as "user[0].name"; empty: the file as a whole
	Line    int    `json:"line,omitempty"` // of the file as it would be; 0: none
	Problem string `json:"problem"`        // one sentence
}

func (e *SettingsRefused) Error() string { return e.Faults[0].Problem }

var (
	errStale = &fault{Status: http.StatusConflict, Code: "changed_meanwhile",
		Message: "The configuration file was changed meanwhile. Load the settings again, then make your change."}
	errNoChange = &fault{Status: http.StatusBadRequest, Code: "malformed", Message: "There is no change to make."}
)

// settings tells what the configuration file says, or changes it.
func (s *Server) settings(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	if s.deps.Settings == nil {
		return errNotFound
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		all, err := s.deps.Settings.Settings()
		if err != nil {
			return refused(err)
		}
		all.Waiting = notNil(all.Waiting)
		return write(w, http.StatusOK, all)
	case http.MethodPatch:
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and PATCH.", allow: "GET, PATCH"}
	}
	var in struct {
		Version string
		Changes []SettingsChange
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if len(in.Changes) == 0 {
		return errNoChange
	}
	done, err := s.deps.Settings.Change(in.Version, in.Changes)
	if err != nil {
		return refused(err)
	}
	named := make([]string, len(in.Changes))
	for i, c := range in.Changes {
		named[i] = c.Set + c.Add + c.Remove
	}
	s.log.Info("settings changed", "by", u.Name, "keys", named)
	done.Waiting = notNil(done.Waiting)
	return write(w, http.StatusOK, done)
}

// refused makes an answer of why settings could not be read or changed.
func refused(err error) error {
	var faulty *SettingsRefused
	switch {
	case errors.Is(err, ErrSettingsChanged):
		return errStale
	case errors.As(err, &faulty):
		return &fault{Status: http.StatusUnprocessableEntity, Code: "faulty", Message: faulty.Error(), Faults: faulty.Faults}
	}
	return err
}

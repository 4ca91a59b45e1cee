package web

import (
	"context"
	"errors"
	"net/http"

	"cordboard/gateway/auth"
)

// Account is a user as administrators see one. Passwords are told to nobody.
type Account struct {
	Name        string `json:"name"`
	Display     string `json:"display"`
	Extension   string `json:"extension"`
	Admin       bool   `json:"admin"`
	PBX         string `json:"pbx"`          // at which it registers; empty: the first one in mode extension
	PBXUsername string `json:"pbx_username"` // empty: the extension
	PBXPassword bool   `json:"pbx_password"` // there is one
	InFile      bool   `json:"in_file"`      // it stands in the configuration file
	OneTime     bool   `json:"one_time"`     // it has a one-time password, which was not used yet
	Owner       bool   `json:"owner"`        // this machine is its device
}

// AccountChange is what is to be changed of an account, or given to a new one; nil stays as it is.
type AccountChange struct {
	Name        *string `json:"name"` // of a new one only
	Display     *string `json:"display"`
	Extension   *string `json:"extension"`
	Admin       *bool   `json:"admin"`
	PBX         *string `json:"pbx"`
	PBXUsername *string `json:"pbx_username"`
	PBXPassword *string `json:"pbx_password"`
	// Password is for the page and other devices; empty: one is made. That is good for choosing another only, but for an account of the
	// configuration file, which keeps it.
	Password *string `json:"password"`
}

// AccountKeeper keeps the accounts, wherever they stand. Its errors are *SettingsRefused with keys as AccountChange has them,
// ErrSettingsChanged, auth.ErrNoUser, or faults of the store.
type AccountKeeper interface {
	// Accounts lists all, by name.
	Accounts(ctx context.Context) ([]Account, error)
	// AddAccount makes a new one. A password that was made for it is told this once.
	AddAccount(ctx context.Context, c AccountChange) (password string, err error)
	// ChangeAccount changes one; the same of a password.
	ChangeAccount(ctx context.Context, name string, c AccountChange) (password string, err error)
	RemoveAccount(ctx context.Context, name string) error
}

var errNoUser = &fault{Status: http.StatusNotFound, Code: "no_user", Message: "There is no user of that name any more. Load the list again."}

// users lists the accounts, or adds one.
func (s *Server) users(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	if s.deps.Accounts == nil {
		return errNotFound
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		all, err := s.deps.Accounts.Accounts(r.Context())
		if err != nil {
			return err
		}
		return write(w, http.StatusOK, struct {
			Users []Account `json:"users"`
		}{notNil(all)})
	case http.MethodPost:
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only GET and POST.", allow: "GET, POST"}
	}
	var in AccountChange
	if err := read(r, &in); err != nil {
		return err
	}
	password, err := s.deps.Accounts.AddAccount(r.Context(), in)
	if err != nil {
		return refusedAccount(err)
	}
	s.log.Info("user added", "by", u.Name, "user", *in.Name)
	return write(w, http.StatusCreated, newPassword{password})
}

// newPassword is one that was made, told once.
type newPassword struct {
	Password string `json:"password,omitempty"`
}

// user changes or removes an account.
func (s *Server) user(w http.ResponseWriter, r *http.Request) error {
	u, err := s.admin(r)
	if err != nil {
		return err
	}
	if s.deps.Accounts == nil {
		return errNotFound
	}
	name := r.PathValue("name")
	switch r.Method {
	case http.MethodDelete:
		if err := s.deps.Accounts.RemoveAccount(r.Context(), name); err != nil {
			return refusedAccount(err)
		}
		s.log.Info("user removed", "by", u.Name, "user", name)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodPatch:
	default:
		return &fault{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address takes only PATCH and DELETE.", allow: "PATCH, DELETE"}
	}
	var in AccountChange
	if err := read(r, &in); err != nil {
		return err
	}
	password, err := s.deps.Accounts.ChangeAccount(r.Context(), name, in)
	if err != nil {
		return refusedAccount(err)
	}
	s.log.Info("user changed", "by", u.Name, "user", name)
	return write(w, http.StatusOK, newPassword{password})
}

// refusedAccount makes an answer of why an account could not be changed.
func refusedAccount(err error) error {
	if errors.Is(err, auth.ErrNoUser) {
		return errNoUser
	}
	return refused(err)
}

package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/store"
	"cordboard/gateway/web"
)

// storeName is the file of accounts and secrets in the data folder.
const storeName = "cordboard.db"

// Names of the secrets that the store keeps.
const (
	secretEphemeral = "ephemeral" // signs ephemeral credentials while the configuration has no secret
	secretSession   = "session"   // signs the page's cookies
	secretDigest    = "digest"    // signs nonces of SIP digest
)

// Accounts are the users of a gateway: those of the configuration file, and behind them those of
// the store. They may be used by several processes at once.
type Accounts struct {
	store *store.Store
	file  atomic.Pointer[fileUsers]
	auth  auth.Config
}

// fileUsers are the accounts of the configuration file.
type fileUsers struct{ auth.Users }

// OpenAccounts opens the store in the data folder, which is made when it is missing.
func OpenAccounts(cfg Config, dir string) (*Accounts, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	s, err := store.Open(filepath.Join(dir, storeName))
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	a := &Accounts{store: s, auth: cfg.Auth}
	if err := a.reload(cfg.User); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return a, nil
}

// Close closes the store.
func (a *Accounts) Close() error { return a.store.Close() }

// reload replaces the accounts of the configuration file.
func (a *Accounts) reload(users []User) error {
	all := make([]auth.User, len(users))
	for i, u := range users {
		made, err := u.account()
		if err != nil {
			return fmt.Errorf("make user %s of the configuration: %w", u.Name, err)
		}
		all[i] = made
	}
	a.file.Store(&fileUsers{auth.Static(all)})
	return nil
}

// account makes an account of a [[user]] table. Without a password it has none that could be right.
func (u User) account() (auth.User, error) {
	made := auth.User{Name: u.Name, Display: u.Display, Extension: u.Extension}
	if u.Password != "" {
		var err error
		if made, err = auth.NewUser(u.Name, u.Display, u.Extension, u.Password); err != nil {
			return auth.User{}, err
		}
	}
	made.PBX, made.PBXName = auth.Credentials{Username: cmp.Or(u.PBXUsername, u.Extension), Password: u.PBXPassword}, u.PBX
	made.Admin = u.Admin
	return made, nil
}

func (a *Accounts) all() auth.Users { return auth.Join(a.file.Load(), a.store) }

// User gives the account of that name, or auth.ErrNoUser.
func (a *Accounts) User(ctx context.Context, name string) (auth.User, error) {
	return a.all().User(ctx, name)
}

// ByExtension gives the account that has the extension, or auth.ErrNoUser.
func (a *Accounts) ByExtension(ctx context.Context, extension string) (auth.User, error) {
	return a.all().ByExtension(ctx, extension)
}

// List gives all accounts, sorted by name.
func (a *Accounts) List(ctx context.Context) ([]auth.User, error) { return a.all().List(ctx) }

// InFile reports whether an account stands in the configuration file, and so is changed there.
func (a *Accounts) InFile(ctx context.Context, name string) bool {
	_, err := a.file.Load().User(ctx, name)
	return err == nil
}

// ErrInFile reports an account that stands in the configuration file and can only be changed there.
var ErrInFile = errors.New("it stands in the configuration file; change it there")

// Add keeps a new account. With oneTime its password is good for choosing another only.
func (a *Accounts) Add(ctx context.Context, u User, oneTime bool) error {
	if err := a.Check(ctx, u); err != nil {
		return err
	}
	made, err := auth.NewUser(u.Name, u.Display, u.Extension, u.Password)
	if err != nil {
		return err
	}
	made.MustChange, made.Admin = oneTime, u.Admin
	made.PBX, made.PBXName = auth.Credentials{Username: cmp.Or(u.PBXUsername, u.Extension), Password: u.PBXPassword}, u.PBX
	return a.store.Put(ctx, made)
}

// Check tells why an account could not be added, whatever its password.
func (a *Accounts) Check(ctx context.Context, u User) error {
	if _, err := auth.NewUser(u.Name, u.Display, u.Extension, auth.OneTimePassword()); err != nil {
		return err
	}
	var check checker
	check.credential("", u.PBXUsername)
	check.credential("", u.PBXPassword)
	if len(check.faults) > 0 {
		return errors.New("the user name or password for the PBX has a control character")
	}
	switch _, err := a.User(ctx, u.Name); {
	case err == nil:
		return fmt.Errorf("there is a user %s already", u.Name)
	case !errors.Is(err, auth.ErrNoUser):
		return err
	}
	switch other, err := a.ByExtension(ctx, u.Extension); {
	case u.Extension == "" || errors.Is(err, auth.ErrNoUser):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("extension %s belongs to user %s already", u.Extension, other.Name)
	}
}

// Remove deletes an account. The error is ErrInFile or auth.ErrNoUser where it is not the store's.
func (a *Accounts) Remove(ctx context.Context, name string) error {
	if a.InFile(ctx, name) {
		return ErrInFile
	}
	return a.store.Remove(ctx, name)
}

// SetPassword gives an account the password that its owner chose, as web.Passwords asks for.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	return a.setPassword(ctx, name, password, false)
}

// SetOneTimePassword gives an account a password that is good for choosing another only.
func (a *Accounts) SetOneTimePassword(ctx context.Context, name, password string) error {
	return a.setPassword(ctx, name, password, true)
}

// Changeable tells why the password of an account can't be changed: web.ErrPasswordInConfig or auth.ErrNoUser.
func (a *Accounts) Changeable(ctx context.Context, name string) error {
	if a.InFile(ctx, name) {
		return web.ErrPasswordInConfig
	}
	_, err := a.store.User(ctx, name)
	return err
}

func (a *Accounts) setPassword(ctx context.Context, name, password string, oneTime bool) error {
	if a.InFile(ctx, name) {
		return web.ErrPasswordInConfig
	}
	u, err := a.store.User(ctx, name)
	if err != nil {
		return err
	}
	if u, err = u.WithPassword(password); err != nil {
		return err
	}
	u.MustChange = oneTime
	return a.store.Put(ctx, u)
}

// NewPassword makes a one-time password.
func NewPassword() string { return auth.OneTimePassword() }

// Token signs an ephemeral credential for a user, which needs no account; ttl zero is that of the configuration.
func (a *Accounts) Token(ctx context.Context, user string, ttl time.Duration, now time.Time) (username, password string, err error) {
	if err := auth.ValidateName(user); err != nil {
		return "", "", err
	}
	e, err := a.ephemeral(ctx)
	if err != nil {
		return "", "", err
	}
	username, password = e.Sign(user, now.Add(cmp.Or(ttl, a.auth.Lifetime())))
	return username, password, nil
}

// ephemeral gives what signs and checks ephemeral credentials, the same in every process of this data folder.
func (a *Accounts) ephemeral(ctx context.Context) (auth.Ephemeral, error) {
	kept, err := a.store.Secret(ctx, secretEphemeral)
	if err != nil {
		return auth.Ephemeral{}, fmt.Errorf("get the secret of ephemeral credentials: %w", err)
	}
	return a.auth.Ephemeral(kept), nil
}

// firstAccount is who signs in on a fresh machine.
const firstAccount = "operator"

// first makes the first account where there is none and returns its one-time password, which is
// kept nowhere. unused reports that an earlier start made it and nobody has used its password yet.
func (a *Accounts) first(ctx context.Context) (password string, unused bool, err error) {
	users, err := a.List(ctx)
	if err != nil {
		return "", false, fmt.Errorf("list accounts: %w", err)
	}
	if len(users) > 0 {
		return "", len(users) == 1 && users[0].Name == firstAccount && users[0].MustChange, nil
	}
	password = auth.OneTimePassword()
	if err := a.Add(ctx, User{Name: firstAccount, Display: "Operator", Password: password, Admin: true}, true); err != nil {
		return "", false, fmt.Errorf("make the first account: %w", err)
	}
	return password, false, nil
}

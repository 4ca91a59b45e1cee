package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cordboard/gateway/auth"
	"cordboard/gateway/store"
	"cordboard/gateway/web"
)

var _ web.AccountKeeper = (*Gateway)(nil)

// Accounts lists the users, those of the configuration file and those of the store, by name.
func (g *Gateway) Accounts(ctx context.Context) ([]web.Account, error) {
	users, err := g.accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	owner, _, err := g.deskOwner(ctx)
	if err != nil {
		owner = "" // nobody's, which says nothing of the users
	}
	all := make([]web.Account, len(users))
	for i, u := range users {
		all[i] = web.Account{
			Name: u.Name, Display: u.Display, Extension: u.Extension, Admin: u.Admin, PBX: u.PBXName, PBXPassword: u.PBX.Password != "",
			InFile: g.accounts.InFile(ctx, u.Name), OneTime: u.MustChange, Owner: u.Name == owner,
		}
		if u.PBX.Username != u.Extension {
			all[i].PBXUsername = u.PBX.Username
		}
	}
	return all, nil
}

// AddAccount keeps a new user in the store.
func (g *Gateway) AddAccount(ctx context.Context, c web.AccountChange) (password string, err error) {
	if c.Name == nil {
		return "", refuse("name", "A user needs a name.")
	}
	u := auth.User{Name: strings.ToLower(strings.TrimSpace(*c.Name))}
	*c.Name = u.Name
	if _, err := g.accounts.User(ctx, u.Name); !errors.Is(err, auth.ErrNoUser) {
		if err != nil {
			return "", err
		}
		return "", refuse("name", "There is a user %s already.", u.Name)
	}
	return g.putAccount(ctx, u, c, c.Password == nil || *c.Password == "")
}

// ChangeAccount changes a user where it stands.
func (g *Gateway) ChangeAccount(ctx context.Context, name string, c web.AccountChange) (password string, err error) {
	if c.Name != nil && *c.Name != name {
		return "", refuse("name", "A user's name stays as it is. Add another user, then remove this one.")
	}
	if g.accounts.InFile(ctx, name) {
		return g.changeInFile(ctx, name, c)
	}
	u, err := g.accounts.store.User(ctx, name)
	if err != nil {
		return "", err
	}
	return g.putAccount(ctx, u, c, c.Password != nil && *c.Password == "")
}

// putAccount keeps an account of the store with what is changed of it.
func (g *Gateway) putAccount(ctx context.Context, u auth.User, c web.AccountChange, makeOne bool) (password string, err error) {
	ownName := u.PBX.Username != u.Extension
	take(&u.Display, c.Display)
	take(&u.Extension, c.Extension)
	take(&u.Admin, c.Admin)
	take(&u.PBXName, c.PBX)
	take(&u.PBX.Password, c.PBXPassword)
	switch {
	case c.PBXUsername != nil:
		u.PBX.Username = cmp.Or(*c.PBXUsername, u.Extension)
	case !ownName:
		u.PBX.Username = u.Extension
	}
	if err := g.checkAccount(ctx, u); err != nil {
		return "", err
	}
	switch {
	case makeOne:
		password = auth.OneTimePassword()
		if u, err = u.WithPassword(password); err != nil {
			return "", err
		}
		u.MustChange = true
	case c.Password != nil:
		if u, err = u.WithPassword(*c.Password); err != nil {
			return "", refuse("password", "%s", plainly(err))
		}
	}
	if err := g.accounts.store.Put(ctx, u); err != nil {
		if errors.Is(err, store.ErrExtensionTaken) {
			return "", refuse("extension", "Another user has the extension %s.", u.Extension)
		}
		return "", err
	}
	return password, nil
}

// checkAccount names all that is wrong with what people typed.
func (g *Gateway) checkAccount(ctx context.Context, u auth.User) error {
	var faults []web.SettingsFault
	add := func(key, text string) { faults = append(faults, web.SettingsFault{Key: key, Problem: text}) }
	check := func(key string, err error) {
		if err != nil {
			add(key, plainly(err))
		}
	}
	check("name", auth.ValidateName(u.Name))
	check("display", auth.User{Name: "a", Display: u.Display}.Validate())
	check("extension", auth.ValidateExtension(u.Extension))
	check("pbx_username", auth.User{Name: "a", PBX: auth.Credentials{Username: u.PBX.Username}}.Validate())
	check("pbx_password", auth.User{Name: "a", PBX: auth.Credentials{Password: u.PBX.Password}}.Validate())
	if u.PBXName != "" && !slices.Contains(g.pbxNames(), u.PBXName) {
		add("pbx", fmt.Sprintf("There is no PBX %q.", u.PBXName))
	}
	if u.Extension != "" {
		other, err := g.accounts.ByExtension(ctx, u.Extension)
		switch {
		case err == nil && other.Name != u.Name:
			add("extension", fmt.Sprintf("The extension %s is %s's already.", u.Extension, cmp.Or(other.Display, other.Name)))
		case err != nil && !errors.Is(err, auth.ErrNoUser):
			return err
		}
	}
	if len(faults) > 0 {
		return &web.SettingsRefused{Faults: faults}
	}
	return nil
}

func (g *Gateway) pbxNames() []string {
	all := g.outside.Load().PBX
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return names
}

// take changes what is to be changed.
func take[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// plainly begins an error as a sentence, without which thing it is about.
func plainly(err error) string {
	text := err.Error()
	if _, rest, found := strings.Cut(text, ": "); found {
		text = rest
	}
	return capital(strings.TrimSuffix(text, ".")) + "."
}

func refuse(key, format string, args ...any) error {
	return &web.SettingsRefused{Faults: []web.SettingsFault{{Key: key, Problem: fmt.Sprintf(format, args...)}}}
}

// inFile finds a user in the configuration file as that is now: which of its users it is, how it stands there, and the version of the file.
func (g *Gateway) inFile(name string) (index int, u User, version string, err error) {
	text, cfg, err := g.file.read()
	if err != nil {
		return 0, User{}, "", refusal(err)
	}
	index = slices.IndexFunc(cfg.User, func(u User) bool { return u.Name == name })
	if index < 0 {
		return 0, User{}, "", web.ErrSettingsChanged
	}
	return index, cfg.User[index], versionOf(text), nil
}

// changeInFile changes a user of the configuration file.
func (g *Gateway) changeInFile(ctx context.Context, name string, c web.AccountChange) (password string, err error) {
	if c.Password != nil {
		if *c.Password == "" {
			password = auth.OneTimePassword()
			c.Password = &password
		}
		if _, err := (auth.User{Name: name}).WithPassword(*c.Password); err != nil {
			return "", refuse("password", "%s", plainly(err))
		}
	}
	index, was, version, err := g.inFile(name)
	if err != nil {
		return "", err
	}
	var changes []web.SettingsChange
	table := "user" + index0(index) + "."
	text := func(key, now string, to *string) {
		if to == nil || *to == now {
			return
		}
		value, _ := json.Marshal(*to) // texts can be written
		if *to == "" {
			value = nil // the default
		}
		changes = append(changes, web.SettingsChange{Set: table + key, To: value})
	}
	text("display", was.Display, c.Display)
	text("extension", was.Extension, c.Extension)
	text("pbx", was.PBX, c.PBX)
	text("pbx_username", was.PBXUsername, c.PBXUsername)
	text("pbx_password", was.PBXPassword, c.PBXPassword)
	text("password", was.Password, c.Password)
	if c.Admin != nil && *c.Admin != was.Admin {
		changes = append(changes, web.SettingsChange{Set: table + "admin", To: json.RawMessage(fmt.Sprint(*c.Admin))})
	}
	if c.Extension != nil {
		if other, err := g.accounts.ByExtension(ctx, *c.Extension); err == nil && other.Name != name {
			return "", refuse("extension", "The extension %s is %s's already.", *c.Extension, cmp.Or(other.Display, other.Name))
		}
	}
	if len(changes) == 0 {
		return "", nil
	}
	if _, err := g.file.Change(version, changes); err != nil {
		return "", ofAccount(err)
	}
	return password, nil
}

// ofAccount gives faults of the configuration file the keys of an account.
func ofAccount(err error) error {
	var refused *web.SettingsRefused
	if !errors.As(err, &refused) {
		return err
	}
	all := slices.Clone(refused.Faults)
	for i, f := range all {
		if _, key, found := strings.Cut(f.Key, "]."); found {
			all[i].Key = key
		}
		if _, rest, found := strings.Cut(f.Problem, ": "); found && strings.HasPrefix(f.Problem, "[[user]]") {
			all[i].Problem = capital(strings.TrimSuffix(rest, ".")) + "."
		}
	}
	return &web.SettingsRefused{Faults: all}
}

// RemoveAccount removes a user where it stands.
func (g *Gateway) RemoveAccount(ctx context.Context, name string) error {
	if !g.accounts.InFile(ctx, name) {
		return g.accounts.store.Remove(ctx, name)
	}
	index, _, version, err := g.inFile(name)
	if err != nil {
		return err
	}
	_, err = g.file.Change(version, []web.SettingsChange{{Remove: "user" + index0(index)}})
	return err
}

package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"cordboard/gateway/call"
	"cordboard/gateway/signaling"
	"cordboard/gateway/web"
)

// FirstStart is what a first start asks for, as it is set up.
type FirstStart struct {
	Name    string // of this Cordboard
	Owner   string // who signs in as the owner of this machine
	Display string // the owner's name as people write it
	Fresh   bool   // nobody has signed in yet, so that the owner may get another name
	LocalCA bool   // browsers must learn to trust this machine
	HasPBX  bool   // of whatever kind
	Account Extension
}

// Extension is the owner's account at the PBX where users are extensions. What is tried and saved by SIP user name and password.
type Extension struct {
	PBX      string // its name; empty: there is none
	URI      string
	Username string // the extension, or another name
	Password string // never told; empty: that which is kept
	Kept     bool   // there is a password
}

// FirstStart tells what is set up.
func (g *Gateway) FirstStart(ctx context.Context) (FirstStart, error) {
	_, cfg, err := g.file.read()
	if err != nil {
		return FirstStart{}, refusal(err)
	}
	owner, fresh, err := g.ownerAccount(ctx, cfg)
	if err != nil {
		return FirstStart{}, err
	}
	first := FirstStart{Name: cfg.Name, Owner: owner.Name, Display: owner.Display, Fresh: fresh, LocalCA: g.cert.CA() != nil, HasPBX: len(cfg.PBX) > 0}
	if fresh {
		first.Display = "" // which nobody has chosen
	}
	if i := cfg.extensions(); i >= 0 {
		first.Account = Extension{PBX: cfg.PBX[i].Name, URI: cfg.PBX[i].URI, Username: cmp.Or(owner.PBXUsername, owner.Extension), Kept: owner.PBXPassword}
	}
	return first, nil
}

// extensions is the first PBX at which users are extensions; -1: there is none.
func (c Config) extensions() int {
	return slices.IndexFunc(c.PBX, func(p signaling.PBX) bool { return p.Mode == signaling.ModeExtension })
}

// ownerAccount gives the owner's account, as a configuration has it. fresh: it is the one that the first start has made, and nobody has
// signed in with it.
func (g *Gateway) ownerAccount(ctx context.Context, cfg Config) (owner web.Account, fresh bool, err error) {
	all, err := g.Accounts(ctx)
	if err != nil {
		return web.Account{}, false, err
	}
	name := strings.ToLower(cfg.Audio.Owner)
	if name == "" && len(cfg.User) > 0 {
		name = cfg.User[0].Name
	}
	i := slices.IndexFunc(all, func(a web.Account) bool { return a.Name == name })
	switch {
	case i >= 0:
		owner = all[i]
	case len(all) > 0:
		owner = all[0]
	default:
		return web.Account{}, false, errors.New("there is no user yet; add one by cordboard user add NAME")
	}
	return owner, len(all) == 1 && owner.Name == firstAccount && owner.OneTime && !owner.InFile, nil
}

// NameOwner gives this Cordboard its name, and names its owner. The account of a fresh machine is replaced by one that signs in by that name;
// any other keeps its own. Without a password a fresh one gets one, which is good for choosing another and told this once; any other keeps
// its own.
func (g *Gateway) NameOwner(ctx context.Context, name, signIn, display, password string) (oneTime string, err error) {
	_, cfg, err := g.file.read()
	if err != nil {
		return "", refusal(err)
	}
	owner, fresh, err := g.ownerAccount(ctx, cfg)
	if err != nil {
		return "", err
	}
	if fresh && signIn != owner.Name {
		admin := true
		c := web.AccountChange{Name: &signIn, Display: &display, Admin: &admin, Password: &password}
		if oneTime, err = g.AddAccount(ctx, c); err != nil {
			return "", err
		}
		if err := g.RemoveAccount(ctx, owner.Name); err != nil {
			return "", fmt.Errorf("remove the first account: %w", err)
		}
		owner.Name = signIn
	} else {
		c := web.AccountChange{Display: &display}
		if password != "" || fresh {
			c.Password = &password
		}
		if oneTime, err = g.ChangeAccount(ctx, owner.Name, c); err != nil {
			return "", err
		}
	}
	var changes []web.SettingsChange
	if name != cfg.Name {
		changes = append(changes, web.SettingsChange{Set: "name", To: jsonText(name)})
	}
	if len(cfg.User) == 0 && cfg.Audio.Owner != owner.Name { // or whoever is first by name would be it
		changes = append(changes, web.SettingsChange{Set: "audio.owner", To: jsonText(owner.Name)})
	}
	return oneTime, g.changeNow(changes)
}

// changeNow makes changes of the file as it is.
func (g *Gateway) changeNow(changes []web.SettingsChange) error {
	if len(changes) == 0 {
		return nil
	}
	text, _, err := g.file.read()
	if err != nil {
		return refusal(err)
	}
	version := ""
	if text != nil {
		version = versionOf(text)
	}
	_, err = g.file.Change(version, changes)
	return err
}

func jsonText(text string) json.RawMessage {
	made, _ := json.Marshal(text) // texts can be written
	return made
}

// TryExtension tries the owner's account at a PBX.
func (g *Gateway) TryExtension(ctx context.Context, e Extension) (call.Trial, error) {
	if e.Password == "" {
		_, cfg, err := g.file.read()
		if err != nil {
			return call.Trial{}, refusal(err)
		}
		owner, _, err := g.ownerAccount(ctx, cfg)
		if err != nil {
			return call.Trial{}, err
		}
		u, err := g.accounts.User(ctx, owner.Name)
		if err != nil {
			return call.Trial{}, err
		}
		// A password that is kept goes to the PBX that it is kept for, nowhere else.
		if i := cfg.extensions(); i >= 0 && cfg.PBX[i].URI == e.URI && u.PBX.Username == e.Username {
			e.Password = u.PBX.Password
		}
	}
	t, err := g.tryPBX(ctx, e.URI, e.Username, e.Password)
	if err == nil {
		g.log.Info("PBX tried", "uri", e.URI, "username", e.Username, "result", t.Code)
	}
	return t, err
}

// SaveExtension makes it the owner's account: of the PBX that it names, of one with that address, or of a new one. It is in force at
// once. It gives the account as it is then, without its password.
func (g *Gateway) SaveExtension(ctx context.Context, e Extension) (Extension, error) {
	_, cfg, err := g.file.read()
	if err != nil {
		return e, refusal(err)
	}
	owner, _, err := g.ownerAccount(ctx, cfg)
	if err != nil {
		return e, err
	}
	extension, username := e.Username, ""
	if strings.Trim(e.Username, "0123456789") != "" {
		extension, username = owner.Extension, e.Username
	}
	c := web.AccountChange{Extension: &extension, PBXUsername: &username}
	if e.Password != "" {
		c.PBXPassword = &e.Password
	}
	if _, err := g.ChangeAccount(ctx, owner.Name, c); err != nil {
		return e, err
	}
	var changes []web.SettingsChange
	i := slices.IndexFunc(cfg.PBX, func(p signaling.PBX) bool { return p.Name == e.PBX })
	if i < 0 {
		i = slices.IndexFunc(cfg.PBX, func(p signaling.PBX) bool { return p.URI == e.URI && p.Mode == signaling.ModeExtension })
	}
	switch {
	case i < 0:
		e.PBX = cfg.freeName(e.URI)
		changes = append(changes, web.SettingsChange{Add: "pbx", Entry: map[string]json.RawMessage{"name": jsonText(e.PBX), "uri": jsonText(e.URI)}})
	case cfg.PBX[i].URI != e.URI:
		changes = append(changes, web.SettingsChange{Set: "pbx" + index0(i) + ".uri", To: jsonText(e.URI)})
		fallthrough
	default:
		e.PBX = cfg.PBX[i].Name
	}
	if port := g.freePort(cfg); port != "" {
		changes = append(changes, web.SettingsChange{Set: "listen.sip", To: jsonText(port)})
	}
	if err := g.changeNow(changes); err != nil {
		return e, err
	}
	e.Password, e.Kept = "", owner.PBXPassword || e.Password != ""
	return e, nil
}

// freeName names a new PBX by its host.
func (c Config) freeName(uri string) string {
	_, host, _ := strings.Cut(uri, ":")
	host, _, _ = strings.Cut(host, ";")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	name := host
	for n := 2; slices.ContainsFunc(c.PBX, func(p signaling.PBX) bool { return p.Name == name }); n++ {
		name = fmt.Sprintf("%s (%d)", host, n)
	}
	return name
}

// freePort gives another [listen] sip where the present one can't be opened, as another phone of this machine has
// the port; empty: the present one is well. Only a gateway without a PBX has its SIP port closed, so that it can be asked.
func (g *Gateway) freePort(cfg Config) string {
	if g.signaling.Addr().IsValid() || cfg.Listen.SIP == "" || portFree(cfg.Listen.SIP) {
		return ""
	}
	host, text, err := net.SplitHostPort(cfg.Listen.SIP)
	if err != nil {
		return ""
	}
	port, _ := strconv.Atoi(text) // checked with the file
	for next := port + 2; next < port+40 && next < 1<<16; next += 2 {
		if other := net.JoinHostPort(host, strconv.Itoa(next)); portFree(other) {
			return other
		}
	}
	return net.JoinHostPort(host, "0")
}

// portFree reports whether SIP could be heard at an address by UDP and TCP.
func portFree(addr string) bool {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	udp, err := net.ListenPacket("udp", addr)
	if err == nil {
		_ = udp.Close()
	}
	_ = tcp.Close()
	return err == nil
}

// FoundPBX is a PBX that announces itself nearby.
type FoundPBX struct{ Name, URI string }

// FoundPBXs are all of them.
func (g *Gateway) FoundPBXs() []FoundPBX {
	found := g.found()
	all := make([]FoundPBX, len(found))
	for i, p := range found {
		all[i] = FoundPBX{p.Name, p.URI}
	}
	return all
}

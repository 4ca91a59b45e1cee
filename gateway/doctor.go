package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cordboard/audio"
	"cordboard/discovery"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
	"cordboard/gateway/signaling"
	"cordboard/gateway/web"
)

// Finding is one thing that was looked at.
type Finding = web.Finding

const (
	endsSoon   = 14 * 24 * time.Hour // of a certificate from files
	wrongClock = 2 * time.Minute     // of which two clocks may differ
	fewBytes   = 200 << 20           // free on the disk of the data folder
	mostTrials = 4                   // that are under way at a time
)

// built is a moment before which no clock is right.
var built = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func well(what, format string, args ...any) Finding {
	return Finding{What: what, Well: true, Text: fmt.Sprintf(format, args...)}
}

// hint is of what may be meant so, with what could be done else.
func hint(what, do, format string, args ...any) Finding {
	return Finding{What: what, Well: true, Text: fmt.Sprintf(format, args...), Do: do}
}

func wrong(what, do, format string, args ...any) Finding {
	return Finding{What: what, Text: fmt.Sprintf(format, args...), Do: do}
}

// Examine looks at all that a gateway of cfg would need, while none runs, and changes nothing.
func Examine(ctx context.Context, cfg Config, host Host) []Finding {
	names, addrs := certificateNames(cfg)
	leaf, err := cert.Inspect(cfg.TLS, host.Dir)
	found := append(cfg.examinePorts(), examineCertificate(leaf, err, cfg, names, addrs, false))
	pbxs, told := cfg.tryAll(ctx)
	return append(append(found, pbxs...), examineSound(cfg.Audio, host), examineClock(time.Now(), told),
		examineName(ctx, cfg, false), examineFolder(host.Dir))
}

// Examine looks at the gateway that runs, which takes some seconds.
func (g *Gateway) Examine(ctx context.Context) []Finding {
	host := g.host
	names, addrs := certificateNames(g.cfg)
	found := []Finding{
		well("Cordboard", "runs with the data folder %s and has all its ports.", host.Dir),
		examineCertificate(g.cert.Leaf(), nil, g.cfg, names, addrs, true),
	}
	for _, s := range g.signaling.PBXStatus() {
		found = append(found, examineStatus(s))
	}
	asked := g.cfg
	asked.User = nil
	asked.PBX = slices.Clone(g.outside.Load().PBX)
	for i := range asked.PBX {
		asked.PBX[i].Mode = signaling.ModePeer // for a sign of life alone: its accounts are registered
	}
	_, told := asked.tryAll(ctx)
	return append(found, examineSound(g.cfg.Audio, host), examineClock(time.Now(), told), examineName(ctx, g.cfg, true), examineFolder(host.Dir))
}

// examinePorts opens each port for a moment.
func (c *Config) examinePorts() []Finding {
	var found []Finding
	var free []string
	look := func(key, what, address string, networks ...string) {
		for _, network := range networks {
			err := tryPort(network, address)
			if err == nil {
				continue
			}
			text, do, _ := strings.Cut(portError(key, what, address, err).Error(), "; ")
			found = append(found, wrong("Port", sentence(cmp.Or(do, "mend [listen] "+key+" in "+ConfigName)), "%s (%s).", capital(text), strings.ToUpper(network)))
			return
		}
		free = append(free, what+" "+address)
	}
	if c.Listen.HTTPS != "" {
		look("https", "HTTPS", c.Listen.HTTPS, "tcp")
	}
	if c.Listen.HTTP != "" {
		look("http", "HTTP", c.Listen.HTTP, "tcp")
	}
	look("media", "media", c.Listen.Media, "udp")
	if len(c.PBX) > 0 {
		look("sip", "SIP", c.Listen.SIP, "tcp", "udp")
		if c.Listen.SIPS != "" {
			look("sips", "SIP TLS", c.Listen.SIPS, "tcp")
		}
	}
	first, last, _ := portRange(c.Listen.RTP)
	pairs := 0
	for p := int(first); p < int(last); p += 2 {
		if tryPort("udp", ":"+strconv.Itoa(p)) == nil && tryPort("udp", ":"+strconv.Itoa(p+1)) == nil {
			pairs++
		}
	}
	if all := (int(last) - int(first) + 1) / 2; pairs < (all+1)/2 {
		found = append(found, wrong("Port", "Stop the program that has them, or set [listen] rtp in "+ConfigName+" to another range.",
			"Only %d of %d pairs of the ports %s for sound toward the PBX are free.", pairs, all, c.Listen.RTP))
	} else {
		free = append(free, "sound "+c.Listen.RTP)
	}
	if len(found) == 0 {
		return []Finding{well("Ports", "%s are free.", strings.Join(free, ", "))}
	}
	return found
}

func tryPort(network, address string) error {
	if network == "udp" {
		c, err := net.ListenPacket(network, address)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	l, err := net.Listen(network, address)
	if err == nil {
		err = l.Close()
	}
	return err
}

// examineCertificate judges the certificate of the page. One of the own CA is renewed by who runs, so it matters only then.
func examineCertificate(leaf *x509.Certificate, err error, cfg Config, names []string, addrs []netip.Addr, runs bool) Finding {
	const what = "Certificate"
	own := cfg.TLS.Cert == ""
	switch {
	case own && !runs && (leaf == nil || err != nil || time.Now().After(leaf.NotAfter)):
		return well(what, "will be made by the next start.")
	case err != nil:
		return wrong(what, "Mend [tls] cert and key in "+ConfigName+", or empty them for the own local CA.", "The files can't be used: %v.", err)
	case time.Now().Before(leaf.NotBefore):
		return wrong(what, "Set this machine's clock right.", "It is good only from %s on.", leaf.NotBefore.Format(time.DateOnly))
	case time.Now().After(leaf.NotAfter):
		return wrong(what, "Renew it.", "It ended on %s.", leaf.NotAfter.Format(time.DateOnly))
	case !own && time.Until(leaf.NotAfter) < endsSoon:
		return wrong(what, "Renew it.", "It ends on %s.", leaf.NotAfter.Format(time.DateOnly))
	}
	if !own || runs {
		if missing := notIn(leaf, names, addrs, own); len(missing) > 0 && (own || len(missing) == len(names)) {
			do := "Get one that is for " + missing[0] + ", or set domain in " + ConfigName + " to a name that it is for."
			if own {
				do = "Wait half a minute, or start Cordboard again, so that it makes another."
			}
			return wrong(what, do, "It is not for %s.", strings.Join(missing, ", "))
		}
	}
	return well(what, "good until %s for %s.", leaf.NotAfter.Format(time.DateOnly), strings.Join(leaf.DNSNames, ", "))
}

// notIn lists names of this machine that a certificate is not for. One from files may know any of the names and needs no addresses.
func notIn(leaf *x509.Certificate, names []string, addrs []netip.Addr, own bool) []string {
	var missing []string
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	for _, a := range addrs {
		if own && a.IsPrivate() && leaf.VerifyHostname(a.String()) != nil {
			missing = append(missing, a.String())
		}
	}
	return missing
}

// account is one that is tried.
type account struct {
	pbx   signaling.PBX
	user  string // empty: the PBX itself, or its trunk
	creds auth.Credentials
}

// trials are the accounts of the file, and each PBX that has none.
func (c *Config) trials() []account {
	var all []account
	first := true // of those in mode extension
	for _, p := range c.PBX {
		some := false
		switch p.Mode {
		case signaling.ModeTrunk:
			all, some = append(all, account{p, "", auth.Credentials{Username: p.Username, Password: p.Password}}), true
		case signaling.ModeExtension:
			for _, u := range c.User {
				if u.PBX == p.Name || u.PBX == "" && first {
					if name := cmp.Or(u.PBXUsername, u.Extension); name != "" && u.PBXPassword != "" {
						all, some = append(all, account{p, u.Name, auth.Credentials{Username: name, Password: u.PBXPassword}}), true
					}
				}
			}
			first = false
		}
		if !some {
			all = append(all, account{pbx: p})
		}
	}
	return all
}

// tryAll tries each account, and gives what each PBX said.
func (c *Config) tryAll(ctx context.Context) ([]Finding, map[string]call.Trial) {
	all := c.trials()
	results := make([]call.Trial, len(all))
	places := make(chan struct{}, mostTrials)
	var work sync.WaitGroup
	for i, a := range all {
		work.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			results[i] = signaling.Try(ctx, a.pbx, a.creds, nil)
		})
	}
	work.Wait()
	found, told := make([]Finding, len(all)), map[string]call.Trial{}
	for i, a := range all {
		r := results[i]
		what := pbxOf(a.pbx.Name, a.user)
		if found[i] = well(what, "%s", r.Text); !r.Works {
			found[i] = wrong(what, remedy(r.Code, a), "%s", r.Text)
		}
		if !r.Date.IsZero() {
			told[a.pbx.Name] = r
		}
	}
	return found, told
}

// pbxOf names a PBX, and whose account there it is about.
func pbxOf(name, user string) string {
	if user != "" {
		return "PBX " + name + ", " + user
	}
	return "PBX " + name
}

// remedy says what to do about an account that does not work.
func remedy(code string, a account) string {
	table := "[[pbx]] " + a.pbx.Name
	password := "password in " + table
	if a.user != "" {
		password = "pbx_password in [[user]] " + a.user
	}
	switch code {
	case call.TrialWrongPassword, call.TrialNoPassword:
		return "Set the right " + password + "."
	case call.TrialRefused:
		return "Look at the PBX whether it has this extension for us, and check " + password + "."
	case call.TrialBusy:
		return "Look at the PBX if that goes on."
	case call.TrialCertificate:
		return "Set ca in " + table + " to the file of the PBX's authority."
	}
	return "Check uri in " + table + ", the PBX, and the network between."
}

// examineStatus judges how the running gateway stands with a PBX.
func examineStatus(s signaling.PBXStatus) Finding {
	what := pbxOf(s.Name, s.User)
	text := capital(s.State)
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	switch s.State {
	case "registered", "reachable":
		return well(what, "%s at %s.", capital(s.State), cmp.Or(s.Server, s.URI))
	case "registering":
		return wrong(what, "Wait some seconds and look again.", "%s.", text)
	case "wrong password":
		return wrong(what, remedy(call.TrialWrongPassword, account{signaling.PBX{Name: s.Name}, s.User, auth.Credentials{}}), "%s.", text)
	}
	return wrong(what, "Check the PBX, the network between, and uri in [[pbx]] "+s.Name+".", "%s.", text)
}

// examineSound judges the machine's own sound.
func examineSound(cfg Audio, host Host) Finding {
	const what, do = "Sound", "Plug a headset in if this machine shall be a phone itself."
	if !cfg.Enabled {
		return well(what, "switched off by [audio] enabled; browsers have their own.")
	}
	if host.Card == nil {
		return hint(what, do, "%s. Browsers have their own.", strings.TrimSuffix(capital(cmp.Or(host.NoCard, "this machine has none")), "."))
	}
	devices, err := host.Card.Devices()
	if err != nil {
		return wrong(what, "Start PulseAudio or PipeWire again, or the machine.", "The sound system does not answer: %v.", err)
	}
	there := map[audio.Purpose]string{}
	for _, d := range devices {
		switch {
		case d.Missing:
			return wrong(what, "Plug it in, or choose another: cordboard devices.", "The %s %q, which was chosen, is not there.", d.Purpose, d.Name)
		case d.Chosen, d.Default && there[d.Purpose] == "", there[d.Purpose] == "":
			there[d.Purpose] = d.Name
		}
	}
	for _, p := range []audio.Purpose{audio.Microphone, audio.Loudspeaker} {
		if there[p] == "" {
			return hint(what, do, "There is no %s. Browsers have their own.", p)
		}
	}
	if problem := host.Card.State(); problem != "" {
		return wrong(what, "Try another device: cordboard devices.", "%s", problem)
	}
	return well(what, "microphone %q, loudspeaker %q.", there[audio.Microphone], there[audio.Loudspeaker])
}

// examineClock compares this machine's clock with those of the PBXs, where they tell the time.
func examineClock(now time.Time, told map[string]call.Trial) Finding {
	const what, do = "Clock", "Set it right, and have it follow a time server: timedatectl set-ntp true."
	if now.Before(built) {
		return wrong(what, do, "It says %s.", now.Format(time.DateTime))
	}
	for name, r := range told {
		switch ahead := r.At.Sub(r.Date); {
		case ahead > wrongClock:
			return wrong(what, do, "It is %v ahead of that of the PBX %s.", ahead.Round(time.Minute), name)
		case ahead < -wrongClock:
			return wrong(what, do, "It is %v behind that of the PBX %s.", -ahead.Round(time.Minute), name)
		}
	}
	if len(told) == 0 {
		return well(what, "%s; nothing nearby tells the time to compare it with.", now.Format("2006-01-02 15:04 MST"))
	}
	return well(what, "%s, as the PBX has it.", now.Format("2006-01-02 15:04 MST"))
}

// examineName asks who has this machine's name in the local network.
func examineName(ctx context.Context, cfg Config, runs bool) Finding {
	name := hostName() + ".local"
	if !cfg.Discovery.Enabled {
		return well("Name", "%s is not announced: [discovery] is switched off.", name)
	}
	addrs, err := discovery.Ask(ctx, name)
	return judgeName(name, addrs, err, machineAddresses(), runs)
}

func judgeName(name string, addrs []netip.Addr, err error, ours []netip.Addr, runs bool) Finding {
	const what = "Name"
	stranger := slices.IndexFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(ours, a) && !a.IsLinkLocalUnicast() })
	switch {
	case errors.Is(err, discovery.ErrNoMulticast):
		return wrong(what, "Connect this machine to the network.", "%s is known to nobody: there is no network here on which to say so.", name)
	case err != nil:
		return wrong(what, "Check the firewall's UDP port 5353.", "Nobody can be asked for %s: %v.", name, err)
	case stranger >= 0:
		return wrong(what, "Give one of the two machines another name.", "Another machine, %s, has the name %s too.", addrs[stranger], name)
	case len(addrs) > 0:
		return well(what, "%s leads here.", name)
	case !runs:
		return well(what, "%s is free; Cordboard answers to it while it runs.", name)
	}
	return wrong(what, "Let UDP port 5353 through the firewall, or use the address instead of the name.", "Nobody answers to %s.", name)
}

// capital begins a sentence.
func capital(text string) string {
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

func sentence(text string) string { return capital(text) + "." }

package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/media"
)

// maxGatewayName is the longest name on the page, in characters.
const maxGatewayName = 64

// Validate names every fault at once, as Faults without lines.
func (c Config) Validate() error {
	if faults := c.faults(); len(faults) > 0 {
		return Faults(faults)
	}
	return nil
}

// checker gathers faults.
type checker struct{ faults []Fault }

func (c *checker) add(path, format string, args ...any) {
	c.faults = append(c.faults, Fault{Path: path, Problem: fmt.Sprintf(format, args...)})
}

// part takes over the faults of a part's own Validate, each of which begins with its key and ": ".
func (c *checker) part(table string, err error) {
	for _, e := range split(err) {
		key, problem, ok := strings.Cut(e.Error(), ": ")
		if !ok || strings.ContainsAny(key, " \n") {
			c.add(table, "%v", e)
			continue
		}
		c.add(table+"."+key, "%s", problem)
	}
}

// split takes joined errors apart.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func (c *Config) faults() []Fault {
	var check checker
	if n := utf8.RuneCountInString(c.Name); n > maxGatewayName || strings.ContainsFunc(c.Name, unicode.IsControl) {
		check.add("name", "want at most %d characters, none of them a control character", maxGatewayName)
	}
	if _, err := netip.ParseAddr(c.Domain); err != nil && !isHostName(c.Domain) {
		check.add("domain", "%q is not a name like office.example", c.Domain)
	}
	c.Listen.check(&check)
	c.checkPBX(&check)
	c.checkUsers(&check)
	c.checkGuard(&check)
	c.Metrics.check(&check)
	check.part("auth", c.Auth.Validate())
	check.part("web", c.Web.Validate())
	check.part("tls", c.TLS.Validate())
	c.checkRecording(&check)
	c.checkAudio(&check)
	if c.Discovery.Strangers && !c.Discovery.Enabled {
		check.add("discovery.strangers", "strangers are found by discovery, which is switched off: set enabled = true, or strangers = false")
	}
	if _, err := call.ParsePop(c.Window.Pop); err != nil {
		check.add("window.pop", "%v", err)
	}
	check.oneOf("window.pop_on", c.Window.PopOn, PopOnRing, PopOnAnswer)
	check.oneOf("media.opus", c.Media.Opus, media.OpusAuto, media.OpusNever, media.OpusPrefer)
	check.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	check.oneOf("log.format", c.Log.Format, "text", "json")
	return check.faults
}

func (c *checker) oneOf(path, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		c.add(path, "%q is not one of %s", value, strings.Join(choices, ", "))
	}
}

// checkUsers finds accounts that could not be made, and two that want the same name or extension.
func (c *Config) checkUsers(check *checker) {
	names, extensions := map[string]bool{}, map[string]string{}
	for i, u := range c.User {
		table := "user" + index0(i)
		if u.Name == "" {
			check.add(table+".name", "missing; a user needs a name to sign in with")
		} else if err := auth.ValidateName(u.Name); err != nil {
			check.add(table+".name", "%v", err)
		} else if names[u.Name] {
			check.add(table+".name", "there is another user %q above", u.Name)
		}
		names[u.Name] = true
		if err := auth.ValidateExtension(u.Extension); err != nil {
			check.add(table+".extension", "%v", err)
		} else if other := extensions[u.Extension]; u.Extension != "" && other != "" {
			check.add(table+".extension", "%s is the extension of %s already", u.Extension, other)
		}
		extensions[u.Extension] = fmt.Sprintf("user %q", u.Name)
		if _, err := auth.NewUser("a-user", u.Display, "", "correct horse battery"); err != nil {
			check.add(table+".display", "%v", err)
		}
		if u.Password != "" {
			if _, err := (auth.User{Name: u.Name}).WithPassword(u.Password); err != nil {
				check.add(table+".password", "%v", err)
			}
		}
		check.credential(table+".pbx_username", u.PBXUsername)
		check.credential(table+".pbx_password", u.PBXPassword)
		c.checkHome(check, table, u)
	}
}

// credential refuses characters that could add lines to a SIP message.
func (c *checker) credential(path, text string) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		c.add(path, "has a control character")
	}
}

// isHostName accepts names of RFC 1123 §2.1: letters, digits and hyphens, with dots between.
func isHostName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// splitAddress takes "host:port" apart; host is empty, an IP address or a name.
func splitAddress(text string) (host string, port uint16, err error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port, like \":8443\" or \"127.0.0.1:8080\"", text)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port from 0 to 65535 after its colon", text)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHostName(host) {
		return "", 0, fmt.Errorf("%q: %q is neither an IP address nor a name", text, host)
	}
	return host, uint16(n), nil
}

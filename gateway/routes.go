package gateway

import (
	"net/netip"
	"strings"

	"cordboard/gateway/signaling"
)

// checkRoutes finds prefixes and domains that no call could ever match.
func (c *Config) checkRoutes(check *checker, table string, p signaling.PBX) {
	for i, prefix := range p.Prefixes {
		if !signaling.IsNumber(prefix) {
			check.add(table+".prefixes"+index0(i), "%q is not the beginning of a number, like \"0\" or \"+49\"", prefix)
		}
	}
	for i, domain := range p.Domains {
		at := table + ".domains" + index0(i)
		if _, err := netip.ParseAddr(domain); err != nil && !isHostName(domain) {
			check.add(at, "%q is not a name like sales.example", domain)
		} else if strings.EqualFold(domain, c.Domain) {
			check.add(at, "%q is the domain of Cordboard's own users", domain)
		}
	}
	switch {
	case p.Mode == signaling.ModePassthrough && len(p.Prefixes) > 0:
		check.add(table+".prefixes", "no numbers go to a PBX in mode passthrough; browsers call it by its domain")
	case p.Strip && len(p.Prefixes) == 0:
		check.add(table+".strip", "there are no prefixes to take off")
	}
}

// checkHome finds users that shall register at a PBX where none do.
func (c *Config) checkHome(check *checker, table string, u User) {
	if u.PBX == "" {
		return
	}
	for _, p := range c.PBX {
		if p.Name != u.PBX {
			continue
		}
		if p.Mode != signaling.ModeExtension {
			check.add(table+".pbx", "users register only at a PBX in mode extension, and %q is in mode %s", p.Name, p.Mode)
		}
		return
	}
	check.add(table+".pbx", "there is no PBX %q", u.PBX)
}

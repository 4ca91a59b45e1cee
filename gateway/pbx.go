package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"cordboard/gateway/signaling"
)

// checkPBX finds PBXs that could not be reached or told apart. What is right but not there yet is a notice instead.
func (c *Config) checkPBX(check *checker) {
	names := map[string]bool{}
	for i, p := range c.PBX {
		table := "pbx" + index0(i)
		if names[p.Name] {
			check.add(table+".name", "there is another PBX %q above", p.Name)
		}
		names[p.Name] = true
		check.credential(table+".name", p.Name)
		check.credential(table+".username", p.Username)
		check.credential(table+".password", p.Password)
		check.oneOf(table+".mode", p.Mode, signaling.ModeExtension, signaling.ModeTrunk, signaling.ModePeer, signaling.ModePassthrough)
		check.oneOf(table+".media", p.Media, signaling.MediaNames...)
		if p.MediaMinimum != "" {
			check.oneOf(table+".media_minimum", p.MediaMinimum, signaling.MediaMinimumNames...)
		}
		check.oneOf(table+".dtmf", p.DTMF, signaling.DTMFAuto, signaling.DTMFRTP, signaling.DTMFInfo, signaling.DTMFInband)
		if p.URI == "" {
			check.add(table+".uri", "missing; set the PBX's address, like \"sip:192.0.2.10\"")
		} else if _, err := pbxTransport(p.URI); err != nil {
			check.add(table+".uri", "%v", err)
		}
		for j, text := range p.Backup {
			if err := checkHostPort(text); err != nil {
				check.add(table+".backup"+index0(j), "%q: %v", text, err)
			}
		}
		if p.Mode == signaling.ModeTrunk && p.Username == "" {
			check.add(table+".username", "missing; a trunk registers with a user name")
		}
		c.checkRoutes(check, table, p)
		if key, _ := unavailable(p); key == "" && len(check.at(table)) == 0 {
			check.part(table, p.Validate())
		}
	}
}

// at gives the faults found so far in one table.
func (c *checker) at(table string) []Fault {
	var found []Fault
	for _, f := range c.faults {
		if strings.HasPrefix(f.Path, table+".") {
			found = append(found, f)
		}
	}
	return found
}

// pbxTransport reads a PBX's address, "sip:host[:port][;transport=udp|tcp|tls|wss]" (RFC 3261 §19.1.1),
// and gives its transport.
func pbxTransport(uri string) (string, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "sip" && scheme != "sips" {
		return "", fmt.Errorf("%q: want sip: or sips: at its beginning", uri)
	}
	if strings.ContainsAny(rest, "@?<>\" \t\r\n") {
		return "", fmt.Errorf("%q has more than a host, a port and parameters; want sip:host:port;transport=udp", uri)
	}
	parts := strings.Split(rest, ";")
	if err := checkHostPort(parts[0]); err != nil {
		return "", fmt.Errorf("%q: %w", uri, err)
	}
	transport := "udp"
	if scheme == "sips" {
		transport = "tls"
	}
	for _, param := range parts[1:] {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(name, "transport") {
			continue
		}
		switch value = strings.ToLower(value); value {
		case "udp", "tcp":
			if scheme == "sips" {
				return "", fmt.Errorf("%q: sips: goes over tls or wss, not %s", uri, value)
			}
			transport = value
		case "tls", "wss":
			transport = value
		default:
			return "", fmt.Errorf("%q: transport %q is not one of udp, tcp, tls, wss", uri, value)
		}
	}
	return transport, nil
}

// checkHostPort accepts "host", "host:port" and both with an IPv6 address, which needs its brackets (RFC 3261 §25.1).
func checkHostPort(text string) error {
	if strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "[") {
		return errors.New("an IPv6 address needs brackets, like sip:[2001:db8::1]")
	}
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %q is not from 1 to 65535", port)
		}
		host = h
	} else if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	if host == "" {
		return errors.New("has no host")
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return fmt.Errorf("%q is neither an IP address nor a name", host)
	}
	return nil
}

// unavailable names the key of a PBX that asks for what is not there yet, and what that is; key is
// empty when it asks for nothing of the kind.
func unavailable(p signaling.PBX) (key, what string) {
	if transport, err := pbxTransport(p.URI); err == nil && transport == "wss" {
		return "uri", "transport " + transport
	}
	return "", ""
}

// usablePBX are the PBXs that need nothing but what is there. The others are left out rather than
// reached in a way that nobody asked for.
func (c *Config) usablePBX() []signaling.PBX {
	var all []signaling.PBX
	for _, p := range c.PBX {
		if key, _ := unavailable(p); key == "" {
			all = append(all, p)
		}
	}
	return all
}

// notices lists what the file sets in vain: keys of parts that come later, and PBXs that need one.
func notices(c *Config, doc *document) []Fault {
	var all []Fault
	for _, e := range doc.entries {
		switch plain(e.path) {
		case "store.url":
			if c.Store.URL == "" {
				continue
			}
		case "turn.enabled", "audio.enabled":
		default:
			continue
		}
		all = append(all, Fault{Path: e.path, Problem: "does nothing yet"})
	}
	for i, p := range c.PBX {
		if key, what := unavailable(p); key != "" {
			all = append(all, Fault{Path: "pbx" + index0(i) + "." + key,
				Problem: fmt.Sprintf("%s is not there yet, so PBX %q is left out", what, p.Name)})
		}
	}
	return all
}

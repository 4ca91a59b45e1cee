package web

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Config is the [web] table of the configuration file, and what the server must know of the rest of it.
type Config struct {
	// Origins are other sites that may use the API, as "https://www.example.com"; empty: none.
	Origins []string `toml:"origins"`

	MetricsFrom  []netip.Prefix `toml:"-"` // who may read /metrics by address
	MetricsToken string         `toml:"-"` // and who has this bearer token; empty: none is good

	Name           string         `toml:"-"` // on the page; see SetName
	Domain         string         `toml:"-"` // SIP domain of the local users
	Version        string         `toml:"-"`
	TrustedProxies []netip.Prefix `toml:"-"` // whose X-Forwarded-For and X-Forwarded-Proto are believed
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, text := range c.Origins {
		if _, err := parseOrigin(text); err != nil {
			faults = append(faults, fmt.Errorf("origins: %q: %w", text, err))
		}
	}
	return errors.Join(faults...)
}

// listed reports whether origin, as a browser sent it, is one of Origins.
func (c Config) listed(origin string) bool {
	return slices.ContainsFunc(c.Origins, func(text string) bool {
		o, err := parseOrigin(text)
		return err == nil && o == origin
	})
}

// parseOrigin gives an origin the way browsers write it (RFC 6454 §6.2): lower case, no default port.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", errors.New(`want an address as "https://www.example.com"`)
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Host, "*") {
		return "", errors.New("only https://, the host and its port are allowed")
	}
	return origin(u.Scheme, u.Host), nil
}

// origin joins scheme and host[:port].
func origin(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}

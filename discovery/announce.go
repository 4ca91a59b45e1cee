package discovery

import (
	"fmt"

	"github.com/grandcat/zeroconf"
)

// announceServices lets zeroconf tell the links of our services, and answer those who look for them, until the returned function is
// called, which says goodbye. label is their name. Addresses are those of each link at the time of asking.
func announceServices(a Announcement, label string, links []link) (stop func(), err error) {
	var running []*zeroconf.Server
	stop = func() {
		for _, s := range running {
			s.Shutdown()
		}
	}
	for _, service := range []struct {
		kind string
		port uint16
		text []string
	}{
		{"_cordboard._tcp", a.HTTPS, a.text()},
		{"_https._tcp", a.HTTPS, nil},
		{"_sip._udp", a.SIP, nil},
	} {
		if service.port == 0 {
			continue
		}
		// Without addresses it takes those of the link; the name comes escaped, or it would not know it again in a question.
		s, err := zeroconf.RegisterProxy(escape(label), service.kind, "local", int(service.port), a.Host, nil, service.text, interfaces(links))
		if err != nil {
			stop()
			return nil, fmt.Errorf("announce %s: %w", service.kind, err)
		}
		running = append(running, s)
	}
	return stop, nil
}

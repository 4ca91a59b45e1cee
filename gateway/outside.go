package gateway

import (
	"errors"
	"slices"

	"cordboard/gateway/signaling"
)

// outside is the way to the PBXs, as a configuration has it.
type outside struct {
	PBX       []signaling.PBX
	SIP, SIPS string // ports of [listen], which are opened for the first PBX that needs them
}

func outsideOf(cfg Config) *outside { return &outside{cfg.PBX, cfg.Listen.SIP, cfg.Listen.SIPS} }

// portError says which port could not be opened, and what to do.
func (o *outside) portError(err error) error {
	if errors.Is(err, signaling.ErrTLSPort) {
		return portError("sips", "SIP TLS", o.SIPS, err)
	}
	return portError("sip", "SIP", o.SIP, err)
}

// needsPorts says whether there is a PBX that reaches us by the SIP ports.
func (o *outside) needsPorts() bool {
	return slices.ContainsFunc(o.PBX, func(p signaling.PBX) bool {
		transport, err := pbxTransport(p.URI)
		return err == nil && transport != "wss" && transport != "ws"
	})
}

// numbersGoOut says whether there is a PBX for the numbers that users of ours call.
func (g *Gateway) numbersGoOut() bool {
	return slices.ContainsFunc(g.outside.Load().PBX, func(p signaling.PBX) bool { return p.Mode != signaling.ModePassthrough })
}

// hostsOfOthers are the hosts in SIP addresses that are no neighbour's.
func (g *Gateway) hostsOfOthers() []string {
	hosts := []string{g.cfg.Domain}
	for _, p := range g.outside.Load().PBX {
		hosts = append(hosts, p.Hosts()...)
	}
	return hosts
}

// canReach says, by Faults, why the PBXs of a configuration could not reach us: it is the first that has some, and a SIP port is taken.
func (g *Gateway) canReach(cfg Config) error {
	next := outsideOf(cfg)
	if g.signaling.Addr().IsValid() || !next.needsPorts() {
		return nil
	}
	for _, p := range []struct{ key, what, network, address string }{
		{"sip", "SIP", "tcp", next.SIP}, {"sip", "SIP", "udp", next.SIP}, {"sips", "SIP TLS", "tcp", next.SIPS},
	} {
		if p.address == "" {
			continue
		}
		if err := tryPort(p.network, p.address); err != nil {
			return Faults{{Path: "listen." + p.key, Problem: portError(p.key, p.what, p.address, err).Error()}}
		}
	}
	return nil
}

// setPBXs takes over the PBXs of a configuration, and its SIP ports when those are not open yet. What fails changes nothing.
func (g *Gateway) setPBXs(cfg Config) error {
	next := outsideOf(cfg)
	if g.signaling.Addr().IsValid() {
		was := g.outside.Load()
		next.SIP, next.SIPS = was.SIP, was.SIPS
	}
	if err := g.signaling.SetPBXs(next.PBX, next.SIP, next.SIPS); err != nil {
		return next.portError(err)
	}
	g.outside.Store(next)
	if port := g.announcedSIP(); port != 0 && g.discovery != nil {
		g.discovery.SetSIP(port)
	}
	return nil
}

// differences names the tables that are different in another configuration and wait for the next start.
func (g *Gateway) differences(cfg Config) []string {
	now, began := g.outside.Load(), g.cfg
	if g.signaling.Addr().IsValid() {
		began.Listen.SIP, began.Listen.SIPS = now.SIP, now.SIPS
	} else { // the first PBX opens those of then
		cfg.Listen.SIP, cfg.Listen.SIPS = began.Listen.SIP, began.Listen.SIPS
	}
	return began.differences(cfg)
}

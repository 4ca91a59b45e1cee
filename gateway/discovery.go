package gateway

import (
	"context"
	"net"
	"net/netip"

	"cordboard/discovery"
	"cordboard/gateway/web"
)

// openDiscovery makes what announces this gateway and finds others. There is none when it is switched off, and none when only this
// very machine can reach the page: then no packet leaves.
func (g *Gateway) openDiscovery(version string) {
	https := g.https.Addr().(*net.TCPAddr).AddrPort()
	if g.neighbours == nil {
		return
	}
	if https.Addr().Unmap().IsLoopback() {
		g.log.Debug("nothing is announced: [listen] https is for this machine only")
		return
	}
	a := discovery.Announcement{
		ID: g.neighbours.ID(), Name: g.cfg.Name, Version: version, Fingerprint: g.neighbours.Fingerprint(),
		Host: hostName(), HTTPS: https.Port(),
	}
	a.SIP = g.announcedSIP()
	g.discovery = discovery.New(a, g.log)
}

// announcedSIP is the SIP port that others can reach; 0: there is none.
func (g *Gateway) announcedSIP() uint16 {
	sip := g.signaling.Addr()
	if !sip.IsValid() || sip.Addr().IsLoopback() {
		return 0
	}
	return sip.Port()
}

// announced are the Cordboards nearby, as they say.
func (g *Gateway) announced() []discovery.Neighbour {
	if g.discovery == nil {
		return nil
	}
	return g.discovery.Neighbours()
}

// announcements gives a tick when those have changed, until ctx ends.
func (g *Gateway) announcements(ctx context.Context) <-chan struct{} {
	if g.discovery == nil {
		return nil
	}
	return g.discovery.Changes(ctx)
}

// found gives the PBXs nearby for the API.
func (g *Gateway) found() []web.Found {
	var all []web.Found
	if g.discovery == nil {
		return all
	}
	for _, p := range g.discovery.PBXs() {
		at := netip.AddrPortFrom(p.Addrs[0], p.Port)
		all = append(all, web.Found{Name: p.Name, Transport: p.Transport, Host: p.Host, Port: p.Port, Addresses: texts(p.Addrs),
			URI: "sip:" + at.String() + ";transport=" + p.Transport})
	}
	return all
}

func texts(addrs []netip.Addr) []string {
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.String()
	}
	return all
}

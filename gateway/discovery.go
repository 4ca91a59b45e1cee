package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"

	"cordboard/discovery"
	"cordboard/gateway/web"
)

// secretDiscovery is what this machine is known by to its neighbours.
const secretDiscovery = "discovery"

// openDiscovery makes what announces this gateway and finds others. There is none when it is switched off, and none when only this
// very machine can reach the page: then no packet leaves.
func (g *Gateway) openDiscovery(ctx context.Context, version string) error {
	https := g.https.Addr().(*net.TCPAddr).AddrPort()
	if !g.cfg.Discovery.Enabled {
		return nil
	}
	if https.Addr().Unmap().IsLoopback() {
		g.log.Debug("nothing is announced: [listen] https is for this machine only")
		return nil
	}
	secret, err := g.accounts.store.Secret(ctx, secretDiscovery)
	if err != nil {
		return fmt.Errorf("get the name among neighbours: %w", err)
	}
	sum := sha256.Sum256(secret)
	a := discovery.Announcement{
		ID: hex.EncodeToString(sum[:16]), Name: g.cfg.Name, Version: version, Fingerprint: hex.EncodeToString(sum[:]),
		Host: hostName(), HTTPS: https.Port(),
	}
	if sip := g.signaling.Addr(); sip.IsValid() && !sip.Addr().IsLoopback() {
		a.SIP = sip.Port()
	}
	g.discovery = discovery.New(a, g.log)
	return nil
}

// neighbours gives the Cordboards nearby for the API.
func (g *Gateway) neighbours() []web.Neighbour {
	var all []web.Neighbour
	if g.discovery == nil {
		return all
	}
	for _, n := range g.discovery.Neighbours() {
		all = append(all, web.Neighbour{
			ID: n.ID, Name: n.Name, Host: n.Host + ".local", Addresses: texts(n.Addrs), HTTPS: n.HTTPS,
			Version: n.Version, Fingerprint: n.Fingerprint, Seen: n.Seen.UnixMilli(),
		})
	}
	return all
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

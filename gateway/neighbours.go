package gateway

import (
	"context"
	"net"
	"slices"

	"cordboard/gateway/call"
	"cordboard/gateway/cert"
	"cordboard/gateway/neighbour"
	"cordboard/gateway/signaling"
	"cordboard/gateway/web"
)

// neighbours joins other Cordboards to signaling, which is made later.
type neighbours struct {
	*neighbour.Keeper
	g *Gateway
}

// openNeighbours reads who is paired. A machine whose identity can't be read goes on without neighbours.
func (g *Gateway) openNeighbours(dir string) error {
	if !g.cfg.Discovery.Enabled {
		return nil
	}
	identity, err := cert.OpenIdentity(dir)
	if err != nil {
		g.log.Error("no neighbours", "error", err)
		return nil
	}
	n := &neighbours{g: g}
	port := g.https.Addr().(*net.TCPAddr).Port
	n.Keeper, err = neighbour.New(neighbour.Config{
		Name: g.cfg.Name, Port: uint16(port), Identity: identity, Strangers: g.cfg.Discovery.Strangers, Reserved: g.hostsOfOthers,
	}, neighbour.Deps{
		Book:    g.accounts.store,
		Found:   g.announced,
		Changes: g.announcements,
		People:  func(ctx context.Context) <-chan call.News { return g.signaling.Watch(ctx, "", nil) },
		Link:    func(conn net.Conn, id string) { g.signaling.Link(conn, id) },
		Strange: func(conn net.Conn, s call.Neighbour) { g.signaling.LinkStranger(conn, signalingNeighbour(s)) },
		Lost:    func(id string) { g.signaling.Unlink(id) },
		Paired:  n.paired,
	}, g.log)
	if err != nil {
		return err
	}
	g.neighbours = n
	return nil
}

// paired tells signaling who may be called.
func (n *neighbours) paired() {
	var list []signaling.Neighbour
	for _, p := range n.Keeper.Paired() {
		list = append(list, signalingNeighbour(p))
	}
	n.g.signaling.SetNeighbours(n.ID(), list)
}

// Stranger is the machine at an address that is not paired and may be called nevertheless.
func (n *neighbours) Stranger(address string) (signaling.Neighbour, bool) {
	s, ok := n.Keeper.Stranger(address)
	return signalingNeighbour(s), ok
}

func signalingNeighbour(n call.Neighbour) signaling.Neighbour {
	return signaling.Neighbour{ID: n.ID, Address: n.Address, Name: n.Name}
}

// watch tells a user how colleagues are doing, those of neighbours among them.
func (g *Gateway) watch(ctx context.Context, user string, targets []string) <-chan call.News {
	own := g.signaling.Watch(ctx, user, targets)
	if g.neighbours == nil {
		return own
	}
	all := make(chan call.News)
	go func() { // ends with ctx or signaling
		defer close(all)
		moved := g.neighbours.Watch(ctx)
		told := map[string]call.Lamp{}
		send := func(n call.News) bool {
			select {
			case all <- n:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for {
			if lamps := changes(told, g.neighbours.Lamps()); len(lamps) > 0 && !send(call.News{Lamps: lamps}) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-moved:
			case n, open := <-own:
				if !open || !send(n) {
					return
				}
			}
		}
	}()
	return all
}

// changes are the lamps of now that differ from those that were told, and those that are gone. told becomes those of now.
func changes(told map[string]call.Lamp, now []call.Lamp) (lamps []call.Lamp) {
	for _, l := range now {
		if told[l.Target] != l {
			told[l.Target] = l
			lamps = append(lamps, l)
		}
	}
	for target, l := range told {
		if !slices.ContainsFunc(now, func(l call.Lamp) bool { return l.Target == target }) {
			delete(told, target)
			l.Gone = true
			lamps = append(lamps, l)
		}
	}
	return lamps
}

// dialer is what signaling reaches neighbours by; nil: there are none.
func (g *Gateway) dialer() signaling.Neighbours {
	if g.neighbours == nil {
		return nil
	}
	return g.neighbours
}

// nearby is the API's part of neighbours; nil: there are none.
func (g *Gateway) nearby() web.Neighbours {
	if g.neighbours == nil {
		return nil
	}
	return g.neighbours
}

package neighbour

import (
	"strings"

	"cordboard/discovery"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// SetStrangers says from now on whether who is announced but not paired may call, and may be called.
func (k *Keeper) SetStrangers(may bool) { k.strangers.Store(may) }

// Stranger is the machine that is called by an address, its announced host as in "office-2.local", and is not paired; false when there is
// none, when several say that they are it, or when strangers may not call.
func (k *Keeper) Stranger(address string) (call.Neighbour, bool) {
	return k.stranger(func(n call.Neighbour) bool { return strings.EqualFold(n.Address, address) })
}

// strangerWith is the stranger that shows a certificate.
func (k *Keeper) strangerWith(fingerprint string) (call.Neighbour, bool) {
	return k.stranger(func(n call.Neighbour) bool { return n.Fingerprint == fingerprint })
}

// strangerNamed is the stranger of an ID.
func (k *Keeper) strangerNamed(id string) (call.Neighbour, bool) {
	return k.stranger(func(n call.Neighbour) bool { return n.ID == id })
}

// stranger is the only one that is announced, not paired, and as is wants it.
func (k *Keeper) stranger(is func(call.Neighbour) bool) (match call.Neighbour, ok bool) {
	if !k.strangers.Load() {
		return call.Neighbour{}, false
	}
	for _, a := range k.found() {
		n, named := strangerOf(a)
		if !named || k.pinned(n.Fingerprint) || !is(n) || match.Fingerprint == n.Fingerprint { // announced twice
			continue
		}
		if ok {
			return call.Neighbour{}, false
		}
		match, ok = n, true
	}
	return match, ok
}

// strangerOf is who announces itself, as it is called; false without a host by which it could be.
func strangerOf(a discovery.Neighbour) (call.Neighbour, bool) {
	host := strings.ToLower(a.Host)
	if host == "" || len(host) > 63 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return call.Neighbour{}, false
	}
	return call.Neighbour{ID: cert.IDOf(a.Fingerprint), Fingerprint: a.Fingerprint, Name: clean(a.Name), Address: host + ".local"}, true
}

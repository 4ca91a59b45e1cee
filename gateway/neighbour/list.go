package neighbour

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cordboard/discovery"
	"cordboard/gateway/call"
	"cordboard/gateway/cert"
)

// Kinds of trouble with a neighbour.
const (
	kindLink   = "link"   // what answers at its address is not it
	kindForged = "forged" // somebody announces its ID
	kindName   = "name"   // somebody announces its name
	kindGone   = "gone"   // it does not know us any more
	kindPair   = "pair"   // the last pairing came to nothing
)

// pinnedKinds are those that only a paired neighbour has.
var pinnedKinds = []string{kindLink, kindForged, kindName, kindGone}

// lookEvery is how often announcements are looked through when nothing tells that they have changed.
const lookEvery = 5 * time.Second

// found is what is announced, without ourselves and without what can't be: an ID that is not the certificate's.
func (k *Keeper) found() []discovery.Neighbour {
	if k.deps.Found == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(k.deps.Found()), func(a discovery.Neighbour) bool {
		return !genuine(a) || a.ID == k.id
	})
}

// genuine says whether an announcement could be true.
func genuine(a discovery.Neighbour) bool {
	return len(a.Fingerprint) == 64 && a.ID == cert.IDOf(a.Fingerprint) && strings.Trim(a.Fingerprint, "0123456789abcdef") == "" && a.HTTPS != 0
}

// check finds announcements that pretend to be a paired neighbour.
func (k *Keeper) check() {
	if k.deps.Found == nil {
		return
	}
	all := k.deps.Found()
	k.mu.Lock()
	friends := make([]call.Neighbour, 0, len(k.friends))
	for _, f := range k.friends {
		friends = append(friends, f.Neighbour)
	}
	k.mu.Unlock()
	for _, f := range friends {
		forged, named := "", ""
		for _, a := range all {
			switch {
			case a.ID == f.ID && a.Fingerprint != f.Fingerprint:
				forged = fmt.Sprintf("%s announces itself as %s with another certificate, and is ignored: somebody pretends to be %s.", where(a), f.Name, f.Name)
			case genuine(a) && a.ID != f.ID && a.ID != k.id && strings.EqualFold(clean(a.Name), f.Name):
				named = fmt.Sprintf("%s calls itself %s too, and is not the one that was paired. If %s was set up anew, pair again; "+
					"otherwise somebody may pretend to be it.", where(a), f.Name, f.Name)
			}
		}
		k.trouble(f.ID, kindForged, forged)
		k.trouble(f.ID, kindName, named)
	}
}

// where says from where something was announced.
func where(a discovery.Neighbour) string {
	if len(a.Addrs) == 0 {
		return "A machine"
	}
	return "The machine at " + a.Addrs[0].String()
}

// List tells how it stands with every neighbour: those that are paired, those that are announced, those that ask to be paired; by
// name.
func (k *Keeper) List() []call.NeighbourState {
	found := k.found()
	k.mu.Lock()
	defer k.mu.Unlock()
	by := make(map[string]*call.NeighbourState)
	for _, a := range found {
		s := by[a.ID]
		if s != nil { // somebody else says the same, or it has two names
			for _, addr := range a.Addrs {
				s.Addresses = append(s.Addresses, addr.String())
			}
			continue
		}
		s = &call.NeighbourState{ID: a.ID, Name: clean(a.Name), Here: true, Host: a.Host + ".local", HTTPS: a.HTTPS,
			Version: a.Version, Fingerprint: a.Fingerprint, Seen: a.Seen.UnixMilli()}
		for _, addr := range a.Addrs {
			s.Addresses = append(s.Addresses, addr.String())
		}
		by[a.ID] = s
	}
	for id, f := range k.friends {
		s := by[id]
		if s == nil {
			s = &call.NeighbourState{ID: id}
			by[id] = s
		}
		s.Name, s.Address, s.Paired, s.Here = f.Name, f.Address, true, s.Here || f.connected
		s.People = slices.Clone(f.people)
		if s.Fingerprint = f.Fingerprint; len(s.Addresses) == 0 && f.At.IsValid() {
			s.Addresses, s.HTTPS = []string{f.At.Addr().String()}, f.At.Port()
		}
	}
	for id, p := range k.pairings {
		s := by[id]
		if s == nil {
			s = &call.NeighbourState{ID: id, Name: p.Name, Here: true, Fingerprint: p.fingerprint}
			by[id] = s
		}
		shown := p.Pairing
		s.Pairing = &shown
	}
	list := make([]call.NeighbourState, 0, len(by))
	for id, s := range by {
		for _, kind := range append(pinnedKinds[:len(pinnedKinds):len(pinnedKinds)], kindPair) {
			if text := k.troubles[id+" "+kind]; text != "" && s.Trouble == "" {
				s.Trouble = text
			}
		}
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b call.NeighbourState) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return list
}

// friendNamed finds a paired neighbour by ID, address or name.
func (k *Keeper) friendNamed(name string) (*friend, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var match *friend
	for _, f := range k.friends {
		switch {
		case f.ID == name, strings.EqualFold(f.Address, name):
			return f, nil
		case strings.EqualFold(f.Name, name) && match != nil:
			return nil, ErrAmbiguous
		case strings.EqualFold(f.Name, name):
			match = f
		}
	}
	if match == nil {
		return nil, ErrUnknown
	}
	return match, nil
}

// pairingNamed finds a pairing that goes on by the ID, name or address of the other machine; nil when there is none, or several.
func (k *Keeper) pairingNamed(name string) *pairing {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.pairings[name]; p != nil {
		return p
	}
	var match *pairing
	for _, p := range k.pairings {
		if strings.EqualFold(p.Name, name) || p.at.String() == name {
			if match != nil {
				return nil
			}
			match = p
		}
	}
	return match
}

// newAddress makes the address of a neighbour out of its name: one word that no other neighbour has. The caller holds k.mu.
func (k *Keeper) newAddress(id, name string) string {
	if f := k.friends[id]; f != nil {
		return f.Address // stays in people's lists
	}
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(name))
	word = strings.Join(strings.FieldsFunc(word, func(r rune) bool { return r == '-' }), "-")
	if strings.Trim(word, "0123456789-") == "" { // a number would be called as such
		word = strings.Trim("neighbour-"+word, "-")
	}
	taken := map[string]bool{"echo": true, "tone": true, "desk": true, "localhost": true}
	for _, f := range k.friends {
		taken[f.Address] = true
	}
	if k.cfg.Reserved != nil {
		for _, host := range k.cfg.Reserved() {
			taken[strings.ToLower(host)] = true
		}
	}
	address := word
	for i := 2; taken[address]; i++ {
		address = fmt.Sprintf("%s-%d", word, i)
	}
	return address
}

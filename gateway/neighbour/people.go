package neighbour

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cordboard/discovery"
	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// How our people's lamps travel: one JSON object a line, always all of them, at each change and every aliveEvery.
const (
	aliveEvery    = 5 * time.Second
	aliveTime     = 16 * time.Second // without a line the neighbour is gone
	writeTime     = 5 * time.Second
	maxPeople     = 500
	maxPeopleLine = 256 << 10 // bytes
	maxNote       = 200       // characters
	maxStreams    = 4         // to one neighbour
	retryLeast    = time.Second
	retryMost     = 15 * time.Second
)

// people is one line.
type people struct {
	Name   string   `json:"name,omitempty"` // of the machine as people know it; empty: as before
	People []person `json:"people"`
}

type person struct {
	Name      string         `json:"name"` // of the account
	Display   string         `json:"display"`
	Extension string         `json:"extension,omitempty"`
	State     call.LampState `json:"state"`
	Note      string         `json:"note,omitempty"`
}

// tell streams how our people are doing to a paired neighbour until that goes or is forgotten.
func (k *Keeper) tell(conn *tls.Conn, id string) {
	ctx, stop := context.WithCancel(k.life)
	defer stop()
	k.mu.Lock()
	f := k.friends[id]
	ok := f != nil && f.streams < maxStreams
	if ok {
		f.streams++
	}
	k.mu.Unlock()
	if !ok {
		return
	}
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		f.streams--
	}()
	go func() { // ends with the connection: the neighbour has nothing to say
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, 1))
		stop()
	}()
	news := k.deps.People(ctx)
	lamps := make(map[string]call.Lamp)
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for {
		all := peopleOf(lamps)
		all.Name = *k.name.Load()
		line, err := json.Marshal(all)
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := conn.Write(append(line, '\n')); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-alive.C:
		case n, open := <-news:
			if !open {
				return
			}
			for _, l := range n.Lamps {
				lamps[l.Target] = l
			}
		}
	}
}

func peopleOf(lamps map[string]call.Lamp) people {
	all := people{People: []person{}}
	for _, l := range lamps {
		all.People = append(all.People, person{l.Target, l.Name, l.Extension, l.State, l.Note})
	}
	slices.SortFunc(all.People, func(a, b person) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// readPeople reads a line.
func readPeople(line []byte) (all people, err error) {
	if err := json.Unmarshal(line, &all); err != nil || !utf8.Valid(line) {
		return people{}, errors.New("read a neighbour's people: malformed")
	}
	return all, nil
}

// lampsOf are those of a neighbour's people; what can't be is left out.
func lampsOf(all people, n call.Neighbour) (lamps []call.Lamp) {
	seen := make(map[string]bool)
	for _, p := range all.People {
		if auth.ValidateName(p.Name) != nil || seen[p.Name] || len(lamps) == maxPeople {
			continue
		}
		seen[p.Name] = true
		l := call.Lamp{Target: p.Name + "@" + n.Address, Name: p.Name, Site: n.Name, State: p.State}
		if display := discovery.Printable(p.Display, maxName); display != "" {
			l.Name = display
		}
		switch p.State {
		case call.LampIdle, call.LampRinging, call.LampBusy, call.LampDisturb, call.LampUnreachable:
		default:
			l.State = call.LampUnknown
		}
		l.Note = discovery.Printable(p.Note, maxNote)
		lamps = append(lamps, l)
	}
	return lamps
}

// follow starts to follow the people of every paired neighbour that nobody follows yet, and has the one reached at once that is
// announced again.
func (k *Keeper) follow() {
	here := map[string]bool{} // by fingerprint
	for _, a := range k.found() {
		here[a.Fingerprint] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.life.Err() != nil {
		return
	}
	for id, f := range k.friends {
		came := here[f.Fingerprint] && !f.here
		f.here = here[f.Fingerprint]
		if f.stop != nil {
			if came {
				select {
				case f.again <- struct{}{}:
				default:
				}
			}
			continue
		}
		ctx, stop := context.WithCancel(k.life)
		f.stop, f.again = stop, make(chan struct{}, 1)
		k.work.Go(func() { k.listen(ctx, id, f) })
	}
}

// listen follows the people of a neighbour until ctx ends, and comes back when the connection breaks.
func (k *Keeper) listen(ctx context.Context, id string, f *friend) {
	defer f.stop()
	wait, refused := retryLeast, 0
	for ctx.Err() == nil {
		began := time.Now()
		heard, err := k.hear(ctx, id, f)
		k.lost(f)
		if heard {
			wait = retryLeast
		}
		k.log.Debug("neighbour not followed", "id", id, "error", err)
		if ctx.Err() != nil {
			return
		}
		var alert *net.OpError
		if heard || !errors.As(err, &alert) || alert.Op != "remote error" { // as crypto/tls tells of an alert
			refused = 0
		} else if refused++; refused > 2 { // some may be while it has not written down yet that we are paired
			k.trouble(id, kindGone, k.nameOf(f)+" does not know this machine any more. Pair again.")
		}
		if rest(ctx, f.again, began, wait) {
			wait = retryLeast
		}
		wait = min(2*wait, retryMost)
	}
}

// rest waits, and less when there is something in again: then only until retryLeast after began, and gives true. Once is enough, or who
// forges announcements could have us wait for ever.
func rest(ctx context.Context, again <-chan struct{}, began time.Time, wait time.Duration) (shorter bool) {
	due := time.After(wait)
	for {
		select {
		case <-ctx.Done():
			return shorter
		case <-due:
			return shorter
		case <-again:
			again, due, shorter = nil, time.After(time.Until(began.Add(retryLeast))), true
		}
	}
}

// hear reads lines from a neighbour as long as they come; heard says that one did.
func (k *Keeper) hear(ctx context.Context, id string, f *friend) (heard bool, err error) {
	conn, err := k.dial(ctx, id, protoPeople)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxPeopleLine)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(aliveTime))
		if !lines.Scan() {
			return heard, lines.Err()
		}
		all, err := readPeople(lines.Bytes())
		if err != nil {
			return heard, err
		}
		k.renamed(ctx, id, all.Name)
		k.mu.Lock()
		lamps := lampsOf(all, f.Neighbour)
		first, alone := !heard, !f.impostor
		heard = true
		same := f.connected && slices.Equal(f.people, lamps)
		f.connected, f.people = true, lamps
		k.mu.Unlock()
		if first {
			k.trouble(id, kindGone, "")
		}
		if first && alone {
			k.trouble(id, kindLink, "")
		}
		if !same {
			k.changed()
		}
	}
}

// renamed takes over the name by which a paired neighbour calls itself now; empty: it does not say. Who takes another each time is
// believed every aliveEvery at most.
func (k *Keeper) renamed(ctx context.Context, id, name string) {
	if name == "" {
		return
	}
	name = clean(name)
	k.booking.Lock() // or a neighbour that is forgotten at this moment would be in the book again
	defer k.booking.Unlock()
	k.mu.Lock()
	f := k.friends[id]
	if f == nil || f.Name == name || time.Since(f.named) < aliveEvery {
		k.mu.Unlock()
		return
	}
	was := f.Name
	f.Name, f.named = name, time.Now()
	n := f.Neighbour
	k.mu.Unlock()
	k.log.Info("neighbour has another name", "id", id, "was", was, "name", name)
	if err := k.deps.Book.PutNeighbour(ctx, n); err != nil {
		k.log.Error("neighbour not saved", "id", id, "error", err)
	}
	k.changed()
	k.poke()
}

// nameOf is a friend's name of the moment.
func (k *Keeper) nameOf(f *friend) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return f.Name
}

// lost notes that nothing is known of a neighbour's people any more.
func (k *Keeper) lost(f *friend) {
	k.mu.Lock()
	was := f.connected
	f.connected = false
	for i := range f.people {
		f.people[i].State, f.people[i].Note = call.LampUnreachable, ""
	}
	f.people = slices.Clone(f.people)
	k.mu.Unlock()
	if was {
		if k.deps.Lost != nil {
			k.deps.Lost(f.ID)
		}
		k.changed()
	}
}

// Lamps are those of the people of all paired neighbours.
func (k *Keeper) Lamps() []call.Lamp {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []call.Lamp
	for _, f := range k.friends {
		list = append(list, f.people...)
	}
	return list
}

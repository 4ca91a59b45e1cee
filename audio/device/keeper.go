package device

import (
	"errors"
	"time"

	"cordboard/audio"
)

const (
	// checkEvery is how often, while somebody talks or rings, the keeper looks whether the open devices live: of a death sound
	// systems don't tell.
	checkEvery = 250 * time.Millisecond
	// listEvery is how often it looks whether there are other devices, or another default: nor do they tell of these.
	listEvery = 500 * time.Millisecond
	// lateTime is how long a device may be silent before the keeper looks whether it is still there, stuckTime before it opens
	// it anew.
	lateTime  = 150 * time.Millisecond
	stuckTime = 500 * time.Millisecond
	// startTime is how long it may take to begin: a wireless headset must first be woken.
	startTime = 3 * time.Second
)

// keeper opens the devices that are wanted and closes those that are not. It alone uses the sound system.
type keeper struct {
	card      *Card
	sys       system
	connected bool
	was       bool // connected before, in this talk
	open      map[audio.Purpose]*opened
	listed    time.Time
	checked   time.Time
}

// opened is a device at work.
type opened struct {
	found
	close func()
	since time.Duration // in the line's time
	proof bool          // it has come since it was opened
}

// run keeps devices until the card is closed.
func (k *keeper) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer k.disconnect()
	for {
		select {
		case <-k.card.ended:
			return
		case <-k.card.changed:
			k.listed = time.Time{}
		case <-timer.C:
		case ask := <-k.card.lists:
			devices, err := k.list()
			ask <- listResult{devices, err}
		}
		timer.Reset(k.tend())
	}
}

// wanted are the purposes of the moment with the names of their devices.
func (k *keeper) wanted() map[audio.Purpose]string {
	k.card.mu.Lock()
	defer k.card.mu.Unlock()
	wanted := map[audio.Purpose]string{}
	for purpose := range k.card.taken {
		wanted[purpose] = k.card.chosen[purpose].Name
	}
	return wanted
}

// report says how it stands with a purpose ("": with all).
func (k *keeper) report(purpose audio.Purpose, name string, err error) {
	said := sentence(purpose, name, err)
	k.card.mu.Lock()
	before := k.card.failing
	if purpose == "" {
		k.card.failing = said
	} else {
		before = k.card.trouble[purpose]
		k.card.trouble[purpose] = said
	}
	k.card.mu.Unlock()
	if said != "" && said != before {
		k.card.log.Warn("sound", "state", said, "error", err)
	}
}

// list gives the devices that there are, and leaves no connection behind when nobody talks.
func (k *keeper) list() ([]found, error) {
	if !k.connected {
		if err := k.sys.connect(k.was); err != nil {
			if k.was && !errors.Is(err, errRefused) {
				err = errGone
			}
			k.report("", "", err)
			return nil, err
		}
		k.connected = true
	}
	devices, err := k.sys.list()
	switch {
	case errors.Is(err, errDenied): // without any device
	case errors.Is(err, errRefused):
		k.disconnect() // from another system; the server is asked again
	case err != nil:
		err = errGone
		k.disconnect()
	case len(devices) == 0:
		err = errNoSystem
	}
	k.report("", "", err)
	return devices, err
}

// tend makes what is open what is wanted, and returns when to look again.
func (k *keeper) tend() time.Duration {
	wanted := k.wanted()
	look := time.Since(k.listed) >= listEvery
	starved := time.Since(k.checked) > 2*checkEvery // on a machine that keeps us waiting devices wait too
	k.checked = time.Now()
	for purpose, o := range k.open {
		if _, still := wanted[purpose]; !still {
			k.shut(purpose)
			k.report(purpose, "", nil)
			continue
		}
		silent, limit := k.silent(purpose, o), startTime
		if o.proof {
			limit = stuckTime
			look = look || silent > lateTime
		}
		if silent > limit && !starved {
			k.report(purpose, o.name, errStuck) // first: a sound server that hangs holds up the other
			k.shut(purpose)
		}
	}
	if len(wanted) == 0 {
		k.disconnect()
		k.was = false
		for purpose := range k.card.lines {
			k.report(purpose, "", nil)
		}
		return time.Hour
	}
	if !look && len(k.open) == len(wanted) {
		return checkEvery
	}
	k.listed = time.Now()
	devices, err := k.list()
	if err != nil {
		k.shutAll()
		return checkEvery
	}
	for purpose, name := range wanted {
		k.serve(purpose, name, devices)
	}
	return checkEvery
}

// silent is for how long a device that was opened has not come.
func (k *keeper) silent(purpose audio.Purpose, o *opened) time.Duration {
	l := k.card.lines[purpose]
	heard := l.heard()
	if heard > o.since && !o.proof {
		o.proof = true
		k.report(purpose, "", nil)
	}
	return time.Since(l.base) - max(heard, o.since)
}

// serve opens the device for a purpose unless it is open already.
func (k *keeper) serve(purpose audio.Purpose, name string, devices []found) {
	best, ok := pick(devices, purpose == audio.Microphone, name)
	now := k.open[purpose]
	if ok && now != nil && now.id == best.id {
		return
	}
	if now != nil {
		k.shut(purpose)
	}
	if !ok {
		k.report(purpose, "", errNoDevice)
		return
	}
	l := k.card.lines[purpose]
	sound := l.play
	if purpose == audio.Microphone {
		sound = l.capture
	}
	l.joined()
	o := &opened{found: best, since: time.Since(l.base)}
	var err error
	if o.close, err = k.sys.open(purpose, best.id, sound); err != nil {
		k.report(purpose, best.name, err)
		return
	}
	k.was = true
	o.since = time.Since(l.base)
	k.open[purpose] = o
	k.card.log.Info("sound device opened", "purpose", purpose, "name", best.name)
}

// pick gives the device of that name, else the system's default, else any. What only hears a loudspeaker counts by name alone:
// a caller must not hear himself.
func pick(devices []found, microphone bool, name string) (best found, ok bool) {
	rank := 0
	for _, f := range devices {
		r := 1
		switch {
		case f.microphone != microphone:
			continue
		case name != "" && f.name == name:
			r = 3
		case f.monitor:
			continue
		case f.standard:
			r = 2
		}
		if r > rank {
			best, rank = f, r
		}
	}
	return best, rank > 0
}

// shut closes what is open for a purpose.
func (k *keeper) shut(purpose audio.Purpose) {
	k.open[purpose].close()
	delete(k.open, purpose)
	k.card.lines[purpose].left()
	wake(k.card.left)
}

// shutAll closes all that is open.
func (k *keeper) shutAll() {
	for purpose := range k.open {
		k.shut(purpose)
		k.report(purpose, "", nil)
	}
}

// disconnect closes everything.
func (k *keeper) disconnect() {
	k.shutAll()
	if k.connected {
		k.sys.disconnect()
		k.connected = false
	}
}

package signaling

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"cordboard/gateway/call"
	"cordboard/gateway/presence"
)

// notifyPause is the least time between two NOTIFYs of a subscription (RFC 3842 §3.9, RFC 4235 §3.10); what changes meanwhile is told in
// one. The answer to SUBSCRIBE comes at once.
const notifyPause = time.Second

// subscription is a browser's subscription to something that we know (RFC 6665 §4.2). It is the only one in its dialog. When the
// browser's flow closes it waits for another.
type subscription struct {
	around  *around
	dialog  *leg
	pack    eventPackage
	event   string // the Event header
	target  string // as the browser named it
	key     topicKey
	watcher *watcher
	user    string // whose browser it is

	at   *flow       // where it is counted, and
	lost *time.Timer // what runs while that is gone; around.mu guards both

	mu      sync.Mutex
	due     bool   // something may have changed
	forced  bool   // a NOTIFY is due even if nothing has
	sending bool   // run runs
	over    bool   // forgotten
	why     string // it shall end for this reason
	expires time.Time
	expiry  *time.Timer
	urgent  chan struct{} // a NOTIFY that does not wait for the pause
	version uint32
	told    []byte // the last document, as version 0
}

// poke lets run look whether there is something to tell. It never waits.
func (sub *subscription) poke() { sub.wake(false, "") }

func (sub *subscription) wake(force bool, why string) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.over {
		return
	}
	sub.due = true
	sub.forced = sub.forced || force
	if sub.why == "" {
		sub.why = why
	}
	if force {
		select {
		case sub.urgent <- struct{}{}:
		default:
		}
	}
	if !sub.sending {
		sub.sending = sub.around.start(sub.run)
	}
}

// end sends a last NOTIFY that says why (RFC 6665 §4.2.2), and forgets the subscription.
func (sub *subscription) end(why string) { sub.wake(true, why) }

// ending says whether the last NOTIFY is due or sent.
func (sub *subscription) ending() bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.over || sub.why != ""
}

// run tells the browser what has changed, until there is no more to tell.
func (sub *subscription) run() {
	for {
		sub.mu.Lock()
		if !sub.due || sub.over || sub.flow().gone() {
			sub.sending = false
			sub.mu.Unlock()
			return
		}
		forced, why := sub.forced, sub.why
		sub.due, sub.forced = false, false
		told, version := sub.told, sub.version
		select {
		case <-sub.urgent:
		default:
		}
		sub.mu.Unlock()

		plain := sub.document(0)
		if !forced && bytes.Equal(plain, told) {
			continue
		}
		ok, lost := sub.notify(sub.document(version), why)
		if lost && why == "" { // the browser is told when it is back
			sub.mu.Lock()
			sub.due, sub.forced = true, true
			sub.mu.Unlock()
			sub.pause()
			continue
		}
		if !ok || why != "" {
			sub.around.forget(sub)
			continue
		}
		sub.mu.Lock()
		sub.told, sub.version = plain, version+1
		sub.mu.Unlock()
		sub.pause()
	}
}

func (sub *subscription) pause() {
	t := time.NewTimer(notifyPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-sub.urgent:
	case <-sub.flow().Done():
	case <-sub.around.life.Done():
	}
}

// notify sends one NOTIFY. ok is false when the browser does not want it; lost says that its flow has closed.
func (sub *subscription) notify(body []byte, why string) (ok, lost bool) {
	sub.mu.Lock()
	left := max(0, int(time.Until(sub.expires).Round(time.Second)/time.Second))
	sub.mu.Unlock()
	state := "active;expires=" + itoa(left)
	if why != "" {
		state = "terminated;reason=" + why
	}
	req := sub.dialog.request(sip.NOTIFY)
	req.AppendHeader(sip.NewHeader("Event", sub.event))
	req.AppendHeader(sip.NewHeader("Subscription-State", state))
	ct := sip.ContentTypeHeader(sub.pack.content)
	req.AppendHeader(&ct)
	req.SetBody(body)
	ctx, stop := context.WithTimeout(sub.around.life, answerTime)
	defer stop()
	res, err := sub.dialog.do(ctx, req)
	switch {
	case err != nil:
		sub.around.log.Debug("NOTIFY not answered", "user", sub.user, "event", sub.event, "error", err)
	case !res.IsSuccess():
		sub.around.log.Debug("NOTIFY refused", "user", sub.user, "event", sub.event, "status", res.StatusCode)
	}
	lost = errors.Is(err, sip.ErrTransactionTerminated) || errors.Is(err, sip.ErrTransactionTransport) || err != nil && sub.flow().gone()
	return err == nil && res.IsSuccess(), lost
}

// keep sets how long the subscription lasts from now.
func (sub *subscription) keep(lifetime time.Duration) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.expires = time.Now().Add(lifetime)
	if sub.expiry != nil {
		sub.expiry.Stop()
	}
	if !sub.over {
		sub.expiry = time.AfterFunc(lifetime, sub.expire)
	}
}

// expire ends the subscription unless it was refreshed in this very moment.
func (sub *subscription) expire() {
	sub.mu.Lock()
	late := !time.Now().Before(sub.expires)
	sub.mu.Unlock()
	if late {
		sub.end("timeout")
	}
}

// forget ends a subscription without a word.
func (a *around) forget(sub *subscription) {
	sub.mu.Lock()
	sub.over = true
	if sub.expiry != nil {
		sub.expiry.Stop()
	}
	sub.mu.Unlock()
	a.mu.Lock()
	delete(a.subs, sub.dialog.token)
	a.found(sub)
	a.leave(sub)
	a.mu.Unlock()
	a.unwatch(sub.key, sub.watcher)
}

// document is what there is to tell.
func (sub *subscription) document(version uint32) []byte {
	a := sub.around
	entity := addressText(a.aor(sub.target))
	switch sub.pack.name {
	case eventDialog:
		return presence.DialogInfo{Version: version, Entity: entity, Dialogs: a.statusOf(sub.key.name).dialogs}.Marshal()
	case eventPresence:
		return a.presenceOf(sub.key.name, entity).Marshal()
	case eventReg:
		return a.registrationOf(sub.key.name, version).Marshal()
	default:
		box, _ := a.box(sub.key.name)
		box.Account = entity
		return box.Marshal()
	}
}

// presenceOf puts together what devices, calls and the user's own words say.
func (a *around) presenceOf(name, entity string) presence.Presence {
	st := a.statusOf(name)
	p := presence.Presence{Entity: entity, Basic: presence.Open, Contact: entity, Note: st.note, Activities: st.activities}
	switch {
	case st.absent || st.state == call.LampUnreachable:
		p.Basic = presence.Closed
	case st.state == call.LampUnknown:
		p.Basic = ""
	case st.state == call.LampBusy:
		p.Activities = withActivity(p.Activities, presence.OnThePhone)
	}
	return p
}

// registrationOf tells where a user's devices are.
func (a *around) registrationOf(user string, version uint32) presence.RegInfo {
	info := presence.RegInfo{Version: version, AOR: addressText(a.aor(user))}
	for _, b := range a.srv.reg.of(user, time.Now()) {
		uri := addressText(b.contact)
		info.Contacts = append(info.Contacts, presence.Contact{ID: uri, URI: uri})
	}
	return info
}

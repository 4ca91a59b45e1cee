package signaling

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// run is the flow's life.
func (f *flow) run() {
	f.door.log.Debug("flow opened", "flow", f.source, "transport", f.Transport())
	f.door.cfg.Opened(f)
	var pings sync.WaitGroup
	over := make(chan struct{})
	go func() {
		defer close(over)
		f.read()
		f.endTransactions()
	}()
	f.serve(&pings)
	f.shutDown()
	<-over
	pings.Wait()
	f.door.leave(f.remote)
	f.release()
	close(f.done)
	f.door.cfg.Closed(f)
	who, _ := f.Identity()
	f.door.log.Debug("flow closed", "flow", f.source, "user", who.User, "code", int(f.verdict.code), "reason", f.verdict.reason,
		"received", f.received.Load(), "sent", f.sent.Load(), "malformed", f.bad.Load(), "time", time.Since(f.opened))
}

// serve writes what is queued and keeps time until the flow ends.
func (f *flow) serve(pings *sync.WaitGroup) {
	ping := time.Now().Add(flowPingEvery)
	tick := time.NewTimer(min(f.expire(), flowPingEvery))
	defer tick.Stop()
	for {
		select {
		case <-f.ending:
			return
		case <-f.wake:
			f.flush()
			continue
		case <-f.bound:
		case <-f.doubt:
			pings.Go(func() { f.ping(flowProofTime) })
		case now := <-tick.C: // looks at the credential each time: timers stand still while a machine sleeps
			if !now.Before(ping) {
				pings.Go(func() { f.ping(flowPongTime) })
				if f.hop.Addr.IsValid() { // clients keep alive in this way too (RFC 5626 §3.5.1); an error ends the flow
					_ = f.send(blankLine)
				}
				ping = now.Add(flowPingEvery)
			}
		}
		tick.Reset(min(f.expire(), time.Until(ping)))
	}
}

// expire closes the flow when its time is up; if not, it says when to look again.
func (f *flow) expire() time.Duration {
	who, bound := f.Identity()
	switch {
	case !bound:
		if left := time.Until(f.opened.Add(flowBindTime)); left > 0 {
			return left
		}
		f.Close(websocket.StatusPolicyViolation, "no credential in time")
	case !who.Expiry.IsZero():
		if left := time.Until(who.Expiry); left > 0 {
			return left
		}
		f.Close(websocket.StatusPolicyViolation, "credential expired")
	}
	return time.Hour
}

// flush sends what is queued.
func (f *flow) flush() {
	f.writing.Lock()
	defer f.writing.Unlock()
	for {
		f.mu.Lock()
		batch := f.queue
		f.queue, f.queued = nil, 0
		f.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		f.stuck.Reset(flowWriteTime)
		err := f.write(batch)
		f.stuck.Stop()
		if err != nil {
			f.end(flowVerdict{websocket.StatusAbnormalClosure, "connection lost", true})
			return
		}
	}
}

// write writes messages, all at once where the socket can.
func (f *flow) write(batch [][]byte) error {
	f.out.put()
	for _, msg := range batch {
		kind := websocket.MessageText
		if !utf8.Valid(msg) { // in a text message a browser would take it as a breach of protocol (RFC 6455 §8.1)
			kind = websocket.MessageBinary
		}
		if err := f.ws.Write(context.Background(), kind, msg); err != nil {
			return errors.Join(err, f.out.pull())
		}
	}
	err := f.out.pull()
	if err == nil {
		f.sent.Add(uint64(len(batch)))
	}
	return err
}

// giveUp ends a flow whose peer does not take what we write.
func (f *flow) giveUp() {
	f.end(flowVerdict{websocket.StatusPolicyViolation, "messages are not read", true})
	f.raw.Close()
}

// prove asks the browser for a sign of life before the next ping is due. It does not wait.
func (f *flow) prove() {
	select {
	case f.doubt <- struct{}{}:
	default:
	}
}

// ping asks the browser for a sign of life. Without one in time the flow ends.
func (f *flow) ping(within time.Duration) {
	ctx, stop := context.WithTimeout(context.Background(), within)
	defer stop()
	if err := f.ws.Ping(ctx); err != nil {
		f.end(flowVerdict{websocket.StatusAbnormalClosure, "no pong", true})
	}
}

// shutDown closes the WebSocket, and so ends reading.
func (f *flow) shutDown() {
	if v := f.verdict; !v.abrupt {
		f.flush() // a last answer tells why
		late := time.AfterFunc(flowCloseTime, func() { f.raw.Close() })
		f.ws.Close(v.code, v.reason) // an error changes nothing: the flow is over
		late.Stop()
	}
	f.raw.Close()
	f.ws.CloseNow()
}

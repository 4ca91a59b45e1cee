package auth

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

const (
	// nonceLifetime is how long a nonce is good; phones that refresh each minute get by with few challenges.
	nonceLifetime = 5 * time.Minute

	// maxNonces bounds the memory of used nonces, about 4 MiB when full.
	maxNonces = 16384

	// countWindow is how far a nonce count may lag behind the highest seen, because requests
	// overtake one another on the way.
	countWindow = 64
)

// Sizes of a nonce's parts in bytes: time in Unix nanoseconds, random, HMAC-SHA256 cut short.
const (
	nonceTime, nonceRandom, nonceMAC = 8, 12, 16
	nonceSigned                      = nonceTime + nonceRandom
)

// nonces issues nonces without remembering them and keeps counts of those that were used with
// a right password, so a stranger can't fill its memory.
type nonces struct {
	secret []byte
	max    int // how many used ones are kept

	mu    sync.Mutex
	used  map[[nonceSigned]byte]*list.Element
	order *list.List // of *usedNonce, first used first
	floor int64      // Unix ns; nonces issued until then that are not in used are taken for used up
}

// usedNonce knows which counts of a nonce have been seen.
type usedNonce struct {
	signed  [nonceSigned]byte
	issued  int64  // Unix ns
	highest uint32 // count
	seen    uint64 // bit n: highest-n was seen
}

// newNonces adds a random number of its own to the secret: nobody knows any more what the nonces
// of an earlier run were used for, so they must not be good in this one.
func newNonces(secret []byte) *nonces {
	run := make([]byte, sha256.Size)
	rand.Read(run) // never fails
	return &nonces{secret: slices.Concat(run, secret), max: maxNonces, used: map[[nonceSigned]byte]*list.Element{}, order: list.New()}
}

func (n *nonces) issue(now time.Time) string {
	raw := make([]byte, nonceSigned, nonceSigned+nonceMAC)
	binary.BigEndian.PutUint64(raw, uint64(now.UnixNano()))
	rand.Read(raw[nonceTime:]) // never fails
	return base64.RawURLEncoding.EncodeToString(append(raw, n.mac(raw)...))
}

func (n *nonces) mac(signed []byte) []byte {
	mac := hmac.New(sha256.New, n.secret)
	mac.Write([]byte("cordboard nonce\x00"))
	mac.Write(signed)
	return mac.Sum(nil)[:nonceMAC]
}

// use takes one count of a nonce. It is false when the nonce is not ours or too old, or that
// count was there before. Call it only once the password has proved right.
func (n *nonces) use(nonce string, count uint32, now time.Time) bool {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceSigned+nonceMAC || !hmac.Equal(raw[nonceSigned:], n.mac(raw[:nonceSigned])) {
		return false
	}
	u := usedNonce{signed: [nonceSigned]byte(raw), issued: int64(binary.BigEndian.Uint64(raw))}
	if expired(u.issued, now) || u.issued > now.Add(nonceLifetime).UnixNano() { // from after the clock was set back
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.used[u.signed]
	if e == nil {
		if u.issued <= n.floor {
			return false
		}
		n.makeRoom(now)
		e = n.order.PushBack(&u)
		n.used[u.signed] = e
	}
	return e.Value.(*usedNonce).take(count)
}

func expired(issued int64, now time.Time) bool { return now.UnixNano()-issued >= int64(nonceLifetime) }

// makeRoom drops expired nonces, and the first used when the memory is full. As nobody knows
// any more what that one was used for, all unknown nonces up to its age are refused from then on;
// their owners are challenged again, which they don't notice.
func (n *nonces) makeRoom(now time.Time) {
	for e := n.order.Front(); e != nil; e = n.order.Front() {
		u := e.Value.(*usedNonce)
		if !expired(u.issued, now) {
			if n.order.Len() < n.max {
				return
			}
			n.floor = max(n.floor, u.issued)
		}
		n.order.Remove(e)
		delete(n.used, u.signed)
	}
}

// take is false for a count that was seen, or that lags too far behind to know.
func (u *usedNonce) take(count uint32) bool {
	if count > u.highest {
		u.seen = u.seen<<(count-u.highest) | 1 // a shift by 64 or more gives 0
		u.highest = count
		return true
	}
	behind := u.highest - count
	if behind >= countWindow || u.seen>>behind&1 == 1 {
		return false
	}
	u.seen |= 1 << behind
	return true
}

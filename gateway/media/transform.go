package media

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
)

// transform protects the packets of one direction by keys that come from one master key. It turns a packet in place and
// allocates nothing if the buffer has room for what is appended, at most maxOverhead. It remembers nothing: the caller
// sees to it that no index is sealed twice and none is opened twice. It is for one goroutine at a time.
type transform interface {
	// seal encrypts an RTP packet whose header has that size, and authenticates it.
	seal(p []byte, header int, index uint64) []byte
	// open checks and decrypts what seal made. After false the packet is worth nothing.
	open(p []byte, header int, index uint64) ([]byte, bool)
	// sealControl is seal for RTCP, whose index travels with the packet.
	sealControl(p []byte, index uint32) []byte
	// controlIndex reads the index of an RTCP packet. It says false for a packet that is too short, or not encrypted.
	controlIndex(p []byte) (uint32, bool)
	// openControl checks and decrypts what sealControl made and controlIndex took.
	openControl(p []byte, index uint32) ([]byte, bool)
}

// Sizes in octets (RFC 3711 §4.2 and §3.4, RFC 7714 §12).
const (
	gcmTag      = 16
	controlTag  = 10 // of HMAC-SHA1, in RTCP of all suites
	controlWord = 4  // the index of RTCP, and before it the bit E
	authKey     = 20
	maxOverhead = 20
	clearReport = 8 // of an RTCP packet stay in the clear
)

// encrypted is the bit E of an RTCP packet (RFC 3711 §3.4).
const encrypted = 1 << 31

// Labels of the keys that come from a master key (RFC 3711 §4.3.2); those of RTCP are greater by 3.
const (
	labelKey     = 0
	labelAuth    = 1
	labelSalt    = 2
	labelControl = 3
)

// derivation makes session keys of a master key and salt (RFC 3711 §4.3.1 and §4.3.3, with a key derivation rate of
// zero; a salt of 96 bits stands to the left, RFC 7714 §11).
type derivation struct {
	block cipher.Block
	salt  []byte
}

func newDerivation(m master) (derivation, error) {
	block, err := aes.NewCipher(m.key)
	if err != nil {
		return derivation{}, fmt.Errorf("derive SRTP keys: %w", err)
	}
	return derivation{block, m.salt}, nil
}

// key computes the session key, or salt, of a label, in octets.
func (d derivation) key(label byte, size int) []byte {
	var input [aes.BlockSize]byte
	copy(input[:14], d.salt)
	input[7] ^= label
	out := make([]byte, (size+aes.BlockSize-1)/aes.BlockSize*aes.BlockSize)
	for i := 0; i < len(out); i += aes.BlockSize {
		binary.BigEndian.PutUint16(input[14:], uint16(i/aes.BlockSize))
		d.block.Encrypt(out[i:], input[:])
	}
	return out[:size]
}

// newTransform makes the transform of a suite.
func newTransform(s suite, m master) (transform, error) {
	if len(m.key) != s.key || len(m.salt) != s.salt {
		return nil, fmt.Errorf("make SRTP transform %s: key of %d octets and salt of %d, want %d and %d", s.name, len(m.key), len(m.salt), s.key, s.salt)
	}
	d, err := newDerivation(m)
	if err != nil {
		return nil, err
	}
	if s.tag == gcmTag {
		return newGCM(s, d)
	}
	return newCounter(s, d)
}

// gcm is AES-GCM (RFC 7714).
type gcm struct{ media, control gcmKey }

// gcmKey is a session key. The arrays are here because what is handed to cipher.AEAD would else be allocated.
type gcmKey struct {
	aead      cipher.AEAD
	salt, iv  [12]byte
	associate [clearReport + controlWord]byte
}

func newGCM(s suite, d derivation) (*gcm, error) {
	g := new(gcm)
	for i, k := range []*gcmKey{&g.media, &g.control} {
		first := byte(i * labelControl)
		copy(k.salt[:], d.key(first+labelSalt, s.salt))
		block, err := aes.NewCipher(d.key(first+labelKey, s.key))
		if err != nil {
			return nil, fmt.Errorf("make AES-GCM: %w", err)
		}
		if k.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("make AES-GCM: %w", err)
		}
	}
	return g, nil
}

// nonce gives the initialization vector (RFC 7714 §8.1, §9.1): two octets of zero, the SSRC, the index in 48 bits, and
// the salt by exclusive or.
func (k *gcmKey) nonce(ssrc []byte, index uint64) []byte {
	vary(k.iv[:], k.salt[:], ssrc, index)
	return k.iv[:]
}

// vary sets iv to the salt, changed by the SSRC and an index of 48 bits at its end.
func vary(iv, salt, ssrc []byte, index uint64) {
	at := copy(iv, salt) - 10
	for i := range 4 {
		iv[at+i] ^= ssrc[i]
	}
	for i := range 6 {
		iv[at+4+i] ^= byte(index >> (40 - 8*i))
	}
}

func (g *gcm) seal(p []byte, header int, index uint64) []byte {
	return g.media.aead.Seal(p[:header], g.media.nonce(p[8:], index), p[header:], p[:header])
}

func (g *gcm) open(p []byte, header int, index uint64) ([]byte, bool) {
	clear, err := g.media.aead.Open(p[:header], g.media.nonce(p[8:], index), p[header:], p[:header])
	return clear, err == nil
}

func (g *gcm) sealControl(p []byte, index uint32) []byte {
	k := &g.control
	nonce := k.nonce(p[4:], uint64(index))
	copy(k.associate[:], p[:clearReport])
	binary.BigEndian.PutUint32(k.associate[clearReport:], index|encrypted)
	p = k.aead.Seal(p[:clearReport], nonce, p[clearReport:], k.associate[:])
	return binary.BigEndian.AppendUint32(p, index|encrypted)
}

func (g *gcm) controlIndex(p []byte) (uint32, bool) {
	if len(p) < clearReport+gcmTag+controlWord {
		return 0, false
	}
	word := binary.BigEndian.Uint32(p[len(p)-controlWord:])
	return word &^ encrypted, word&encrypted != 0
}

func (g *gcm) openControl(p []byte, index uint32) ([]byte, bool) {
	k := &g.control
	nonce := k.nonce(p[4:], uint64(index))
	end := len(p) - controlWord
	copy(k.associate[:], p[:clearReport])
	copy(k.associate[clearReport:], p[end:])
	clear, err := k.aead.Open(p[:clearReport], nonce, p[clearReport:end], k.associate[:])
	return clear, err == nil
}

// counter is AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1 and §4.2.1, RFC 6188).
type counter struct {
	tag            int // of an RTP packet, in octets
	media, control counterKey
}

// counterKey is a set of session keys.
type counterKey struct {
	block      cipher.Block
	salt       [14]byte
	mac        hash.Hash
	iv, stream [aes.BlockSize]byte
	sum        [sha1.Size]byte
	roc        [4]byte
}

func newCounter(s suite, d derivation) (*counter, error) {
	c := &counter{tag: s.tag}
	for i, k := range []*counterKey{&c.media, &c.control} {
		first := byte(i * labelControl)
		copy(k.salt[:], d.key(first+labelSalt, s.salt))
		var err error
		if k.block, err = aes.NewCipher(d.key(first+labelKey, s.key)); err != nil {
			return nil, fmt.Errorf("make AES: %w", err)
		}
		k.mac = hmac.New(sha1.New, d.key(first+labelAuth, authKey))
	}
	return c, nil
}

// crypt encrypts or decrypts in place.
func (k *counterKey) crypt(p, ssrc []byte, index uint64) {
	vary(k.iv[:], k.salt[:], ssrc, index)
	for n := uint16(0); len(p) > 0; n++ {
		binary.BigEndian.PutUint16(k.iv[14:], n)
		k.block.Encrypt(k.stream[:], k.iv[:])
		p = p[subtle.XORBytes(p, p, k.stream[:]):]
	}
}

// authenticate computes the tag of p followed by the count of roll-overs; RTCP has none.
func (k *counterKey) authenticate(p, roc []byte) []byte {
	k.mac.Reset()
	k.mac.Write(p)
	k.mac.Write(roc)
	return k.mac.Sum(k.sum[:0])
}

// rollovers writes the upper 32 bits of an index.
func (k *counterKey) rollovers(index uint64) []byte {
	binary.BigEndian.PutUint32(k.roc[:], uint32(index>>16))
	return k.roc[:]
}

func (c *counter) seal(p []byte, header int, index uint64) []byte {
	k := &c.media
	k.crypt(p[header:], p[8:], index)
	return append(p, k.authenticate(p, k.rollovers(index))[:c.tag]...)
}

func (c *counter) open(p []byte, header int, index uint64) ([]byte, bool) {
	k := &c.media
	end := len(p) - c.tag
	if end < header || subtle.ConstantTimeCompare(p[end:], k.authenticate(p[:end], k.rollovers(index))[:c.tag]) != 1 {
		return nil, false
	}
	p = p[:end]
	k.crypt(p[header:], p[8:], index)
	return p, true
}

func (c *counter) sealControl(p []byte, index uint32) []byte {
	k := &c.control
	k.crypt(p[clearReport:], p[4:], uint64(index))
	p = binary.BigEndian.AppendUint32(p, index|encrypted)
	return append(p, k.authenticate(p, nil)[:controlTag]...)
}

func (c *counter) controlIndex(p []byte) (uint32, bool) {
	if len(p) < clearReport+controlWord+controlTag {
		return 0, false
	}
	word := binary.BigEndian.Uint32(p[len(p)-controlTag-controlWord:])
	return word &^ encrypted, word&encrypted != 0
}

func (c *counter) openControl(p []byte, index uint32) ([]byte, bool) {
	k := &c.control
	end := len(p) - controlTag
	if subtle.ConstantTimeCompare(p[end:], k.authenticate(p[:end], nil)[:controlTag]) != 1 {
		return nil, false
	}
	p = p[:end-controlWord]
	k.crypt(p[clearReport:], p[4:], uint64(index))
	return p, true
}

package neighbour

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"cordboard/discovery"
)

// How two machines get a code that people compare, as numeric comparison in Bluetooth (Core 5.4 vol. 3 part H §2.3.5.6.2) and the
// short authentication string of ZRTP (RFC 6189 §4.4):
//
//	asker  -> asked   name, port, commitment = SHA-256(label, both fingerprints, asker's nonce)
//	asked  -> asker   name, port, nonce
//	asker  -> asked   nonce, which must fit the commitment
//	both              code = SHA-256(other label, both fingerprints, both nonces) modulo 1 000 000
//	both              accept, once the person there has said that the codes are the same
//
// The asker is bound to its nonce before it sees the other's, and the asked one chooses before it sees the asker's: so who stands
// between the two, with a certificate of his own toward each, can't try nonces until the codes agree. He has one chance in a million
// for each attempt, and the asked machine takes attemptBurst attempts at once and then one in attemptEvery: while a code is on a
// screen (pairTime) less than one in a hundred thousand.

const (
	labelCommit = "cordboard pair commitment 1"
	labelCode   = "cordboard pair code 1"
)

// nonce is fresh for each pairing.
type nonce [32]byte

func newNonce() (n nonce) {
	rand.Read(n[:]) // never fails
	return n
}

// digest hashes texts of which none can run into the next.
func digest(label string, parts ...string) [32]byte {
	h := sha256.New()
	for _, p := range append([]string{label}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(p))) // a hash takes all
		io.WriteString(h, p)
	}
	return [32]byte(h.Sum(nil))
}

// commitment binds the asker to its nonce. Fingerprints are the asker's and the asked one's.
func commitment(asker, asked string, n nonce) [32]byte {
	return digest(labelCommit, asker, asked, string(n[:]))
}

// fits says whether a nonce is the one that was committed to.
func fits(commit []byte, asker, asked string, n nonce) bool {
	want := commitment(asker, asked, n)
	return subtle.ConstantTimeCompare(commit, want[:]) == 1
}

// codeOf is the six digits that both sides show.
func codeOf(asker, asked string, askerNonce, askedNonce nonce) string {
	sum := digest(labelCode, asker, asked, string(askerNonce[:]), string(askedNonce[:]))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:])%1_000_000)
}

// message is one line of JSON of a pairing. What a step does not need is empty.
type message struct {
	Name   string `json:"name,omitempty"`
	Port   uint16 `json:"port,omitempty"`
	Commit string `json:"commit,omitempty"` // hexadecimal
	Nonce  string `json:"nonce,omitempty"`  // hexadecimal
	Accept *bool  `json:"accept,omitempty"`
}

// maxLine bounds a message of a pairing, in bytes.
const maxLine = 1024

var errMessage = errors.New("read message of a pairing: malformed")

// readMessage reads one from a reader whose buffer has maxLine bytes.
func readMessage(r *bufio.Reader) (message, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return message{}, fmt.Errorf("read message of a pairing: %w", err)
	}
	var m message
	if err := json.Unmarshal(line, &m); err != nil || !utf8.Valid(line) {
		return message{}, errMessage
	}
	m.Name = clean(m.Name)
	return m, nil
}

func writeMessage(w io.Writer, m message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// bytes32 reads 32 bytes in hexadecimal.
func bytes32(text string) (b [32]byte, ok bool) {
	list, err := hex.DecodeString(text)
	if err != nil || len(list) != len(b) {
		return b, false
	}
	return [32]byte(list), true
}

// maxName bounds a name that somebody else chose, in characters.
const maxName = 64

// clean is a name from elsewhere as it may be shown.
func clean(name string) string {
	if name = discovery.Printable(name, maxName); name == "" {
		return "Cordboard"
	}
	return name
}

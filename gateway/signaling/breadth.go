package signaling

import (
	"errors"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// maxBreadth is over how many branches at a time a request may fork, here and behind us, when its sender gave no limit (RFC 5393 §5.3.3).
const maxBreadth = 60

const statusMaxBreadthExceeded = 440 // RFC 5393 §5.4

// errTooBroad says that a request must not fork to as many as it would have to.
var errTooBroad = errors.New("more branches than Max-Breadth allows")

// breadth is what of a request's Max-Breadth is left for further branches, and what each of the next ones gets. One goroutine owns it.
type breadth struct{ left, each int }

// breadthOf is the Max-Breadth of a request. It is never more than ours: a limit is there to be kept. What can't be read is no limit.
func breadthOf(req *sip.Request) breadth {
	n, err := strconv.ParseUint(strings.TrimSpace(valueOf(req, "Max-Breadth")), 10, 31)
	if err != nil {
		n = maxBreadth
	}
	return breadth{left: int(min(n, maxBreadth))}
}

// split shares what is left among n branches; the error says that there is not enough.
func (b *breadth) split(n int) error {
	b.each = b.left / max(n, 1)
	if b.each == 0 {
		return errTooBroad
	}
	return nil
}

// take gives the next branch its share.
func (b *breadth) take() int {
	n := min(b.each, b.left)
	b.left -= n
	return n
}

// limitBreadth says in a request how far it may fork.
func limitBreadth(req *sip.Request, n int) {
	req.RemoveHeader("Max-Breadth")
	req.AppendHeader(sip.NewHeader("Max-Breadth", itoa(n)))
}

package media

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// ErrNoPorts reports that every pair of the configured ports toward the PBX is in use.
var ErrNoPorts = errors.New("no free RTP port")

// portRange is a range of UDP ports, inclusive, and where to look for the next free pair.
type portRange struct {
	first, pairs int // first is even
	next         atomic.Uint64
}

// parsePorts reads "20000-20999".
func parsePorts(text string) (first, pairs int, err error) {
	from, to, found := strings.Cut(text, "-")
	low, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	high, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	if !found || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("ports %q: want two ports, as in 20000-20999", text)
	}
	first = int(low+1) / 2 * 2
	pairs = (int(high) - first + 1) / 2
	if low == 0 || pairs < 1 {
		return 0, 0, fmt.Errorf("ports %q: no even port followed by an odd one in it", text)
	}
	return first, pairs, nil
}

// open binds a pair: RTP on an even port, RTCP on the next one (RFC 3550 §11). The whole range is tried, from the pair
// after the last one given on, so that a port rests before it is used again. With at, it is that pair or none.
func (r *portRange) open(network string, at uint16) (media, control *socket, port uint16, err error) {
	if at != 0 {
		media, control, err = bindPair(network, int(at))
		return media, control, at, err
	}
	for range r.pairs {
		n := r.first + 2*int((r.next.Add(1)-1)%uint64(r.pairs))
		if media, control, err := bindPair(network, n); err == nil {
			return media, control, uint16(n), nil
		}
	}
	return nil, nil, 0, fmt.Errorf("open RTP ports %d to %d: %w", r.first, r.first+2*r.pairs-1, ErrNoPorts)
}

func bindPair(network string, port int) (media, control *socket, err error) {
	if media, err = listen(network, &net.UDPAddr{Port: port}); err != nil {
		return nil, nil, fmt.Errorf("open RTP port: %w", err)
	}
	if control, err = listen(network, &net.UDPAddr{Port: port + 1}); err != nil {
		media.close()
		return nil, nil, fmt.Errorf("open RTCP port: %w", err)
	}
	return media, control, nil
}

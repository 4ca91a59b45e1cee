package media

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtcp"
)

// ErrPicturesByInfo reports a party that is asked for whole pictures by signaling alone.
var ErrPicturesByInfo = errors.New("the party speaks no feedback")

// maxWanted is how many requests for a picture may wait for Config.Pictures; more are forgotten, and asked for again.
const maxWanted = 16

// pictureTime is how long a party has for a whole picture before it is asked for another.
const pictureTime = 500 * time.Millisecond

// Pictures is told that a leg's party should send a whole picture, since its peer lost one, but speaks no feedback (RFC 4585). It can be
// asked by INFO (RFC 5168).
type Pictures func(id, leg string)

// wantsPicture says whether feedback asks for a whole picture.
func wantsPicture(p []byte) bool {
	format := p[0] & 0x1F
	return rtcp.PacketType(p[1]) == rtcp.TypePayloadSpecificFeedback && (format == formatPLI || format == formatFIR)
}

// lack asks for a whole picture of a video leg's party, not too often.
func (e *Engine) lack(l *leg, now time.Duration) {
	last := l.asked.Load()
	if e.pictures == nil || last != 0 && now-time.Duration(last) < pictureTime || !l.asked.CompareAndSwap(last, int64(now)) {
		return
	}
	select {
	case e.pictures <- l:
	default:
	}
}

// tellPictures tells of the pictures that are wanted until the engine ends.
func (e *Engine) tellPictures() {
	for {
		select {
		case l := <-e.pictures:
			e.show(l.call, strings.TrimSuffix(l.name, videoSuffix))
		case <-e.ctx.Done():
			return
		}
	}
}

// Picture asks a leg's party for a whole picture. One that speaks no feedback is not asked, and ErrPicturesByInfo is returned.
func (e *Engine) Picture(ctx context.Context, id, leg string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := e.lock(id, false)
	if err != nil {
		return fmt.Errorf("ask for a picture: %w", err)
	}
	defer s.mu.Unlock()
	l := s.legs[leg]
	if l == nil || l.video.Load() == nil {
		return fmt.Errorf("ask for a picture: %w %q: leg %q shows nothing", ErrUnknownCall, id, leg)
	}
	v := l.video.Load()
	about := v.streams.heardFrom()
	p, err := (&rtcp.PictureLossIndication{MediaSSRC: about}).Marshal()
	if err != nil {
		return fmt.Errorf("ask for a picture: %w", err)
	}
	v.streams.adopt(p, about)
	if !v.demand(p, e.now()) {
		return fmt.Errorf("ask for a picture: %w", ErrPicturesByInfo)
	}
	return nil
}

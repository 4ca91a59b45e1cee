package media

import (
	"cordboard/audio"
	"cordboard/audio/codec"
)

// opusFile is a recording in Opus, of sound at wideSampleRate.
type opusFile struct {
	*audio.OggWriter
	encoder codec.Encoder
	waiting []int16 // less than a packet
	payload []byte
	frames  int64
}

// opusFrame is how many samples of both channels a packet of packetTime has.
const opusFrame = 2 * wideSampleRate / 50

func newOpusFile(f audio.File, size int64) (*opusFile, error) {
	encoder, err := codec.NewOpusEncoder(wideSampleRate, 2, 0)
	if err != nil {
		return nil, err
	}
	out, err := audio.NewOgg(f, size, random32(), 2)
	if err != nil {
		return nil, err
	}
	return &opusFile{OggWriter: out, encoder: encoder, frames: out.Frames() * wideSampleRate / audio.OpusRate}, nil
}

// Rate implements sink.
func (o *opusFile) Rate() int { return wideSampleRate }

// Frames implements sink.
func (o *opusFile) Frames() int64 { return o.frames }

// Write implements sink.
func (o *opusFile) Write(stereo []int16) error {
	o.waiting = append(o.waiting, stereo...)
	o.frames += int64(len(stereo) / 2)
	for len(o.waiting) >= opusFrame {
		if err := o.encode(o.waiting[:opusFrame]); err != nil {
			return err
		}
		o.waiting = o.waiting[:copy(o.waiting, o.waiting[opusFrame:])]
	}
	return nil
}

func (o *opusFile) encode(packet []int16) (err error) {
	if o.payload, err = o.encoder.Encode(o.payload[:0], packet); err != nil {
		return err
	}
	return o.OggWriter.Write(o.payload, audio.OpusRate/50)
}

// Close implements sink. The last packet is filled up with silence.
func (o *opusFile) Close() error {
	if n := len(o.waiting); n > 0 {
		if err := o.encode(append(o.waiting, make([]int16, opusFrame-n)...)); err != nil {
			return err
		}
	}
	return o.OggWriter.Close()
}

package media

import (
	"cordboard/audio"
	"cordboard/audio/codec"
)

// RecordsOpus says whether this build has an encoder for recordings in Opus.
func RecordsOpus() bool {
	_, _, err := codec.NewEncoder("opus", audio.OpusRate, 2)
	return err == nil
}

// opusFile is a recording in Opus.
type opusFile struct {
	*audio.OggWriter
	encoder codec.Encoder
	scalers [2]*audio.Resampler
	wide    [2][]int16 // at audio.OpusRate, not encoded yet
	frame   []int16
	payload []byte
	written int64 // samples at wideSampleRate that were given to Write
}

// opusFrame is how many samples a packet of packetTime has.
const opusFrame = audio.OpusRate / 50

// newOpusFile writes what comes at wideSampleRate.
func newOpusFile(f audio.File, size int64) (*opusFile, error) {
	encoder, _, err := codec.NewEncoder("opus", audio.OpusRate, 2)
	if err != nil {
		return nil, err
	}
	out, err := audio.NewOgg(f, size, random32(), 2)
	if err != nil {
		return nil, err
	}
	o := &opusFile{OggWriter: out, encoder: encoder, frame: make([]int16, 2*opusFrame)}
	for side := range o.scalers {
		o.scalers[side] = audio.NewResampler(wideSampleRate, audio.OpusRate)
	}
	o.written = out.Frames() * wideSampleRate / audio.OpusRate
	return o, nil
}

// Rate implements sink.
func (o *opusFile) Rate() int { return wideSampleRate }

// Frames implements sink.
func (o *opusFile) Frames() int64 { return o.written }

// Write implements sink.
func (o *opusFile) Write(stereo []int16) error {
	mono := make([]int16, len(stereo)/2)
	for side := range o.wide {
		for i := range mono {
			mono[i] = stereo[2*i+side]
		}
		o.wide[side] = append(o.wide[side], o.scalers[side].Resample(mono)...)
	}
	o.written += int64(len(mono))
	return o.encode(opusFrame)
}

// encode writes packets while there are so many samples for one; what a last one lacks is silence.
func (o *opusFile) encode(least int) error {
	for len(o.wide[0]) >= least {
		n := min(opusFrame, len(o.wide[0]))
		clear(o.frame)
		for side := range o.wide {
			for i, s := range o.wide[side][:n] {
				o.frame[2*i+side] = s
			}
			o.wide[side] = o.wide[side][:copy(o.wide[side], o.wide[side][n:])]
		}
		payload, err := o.encoder.Encode(o.payload[:0], o.frame)
		if err != nil {
			return err
		}
		o.payload = payload
		if err := o.OggWriter.Write(payload, opusFrame); err != nil {
			return err
		}
	}
	return nil
}

// Close implements sink.
func (o *opusFile) Close() error {
	if err := o.encode(1); err != nil {
		return err
	}
	return o.OggWriter.Close()
}

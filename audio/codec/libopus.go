//go:build cgo && opus

package codec

/*
#cgo linux LDFLAGS: -l:libopus.a -lm
#cgo !linux LDFLAGS: -lopus -lm
#include <opus/opus.h>

static int make_encoder(OpusEncoder *e, int rate, int channels, int complexity, int bitrate) {
	int failed = opus_encoder_init(e, rate, channels, OPUS_APPLICATION_VOIP);
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	if (!failed) failed = opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
	return failed;
}

static void adapt(OpusEncoder *e, int calm, int percent, int bitrate) {
	opus_int32 application = calm ? OPUS_APPLICATION_RESTRICTED_LOWDELAY : OPUS_APPLICATION_VOIP, before = application;
	opus_encoder_ctl(e, OPUS_GET_APPLICATION(&before));
	if (before != application) {
		opus_encoder_ctl(e, OPUS_RESET_STATE);
		opus_encoder_ctl(e, OPUS_SET_APPLICATION(application));
	}
	opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(percent));
	opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate));
}

static void omit_silence(OpusEncoder *e, int on) { opus_encoder_ctl(e, OPUS_SET_DTX(on)); }

#cgo noescape opus_encode
#cgo nocallback opus_encode
#cgo noescape opus_decode
#cgo nocallback opus_decode
#cgo noescape adapt
#cgo nocallback adapt
#cgo noescape omit_silence
#cgo nocallback omit_silence
*/
import "C"

import (
	"errors"
	"unsafe"
)

// OpusLibrary is what Opus is encoded and decoded by.
const OpusLibrary = "libopus"

// opusState is the memory of an encoder or decoder. It points to nothing but constants of the library, and the library keeps no
// pointer to it, so that it can be Go's: who drops it has freed it.
type opusState []uint64

func newOpusState(size C.int) opusState { return make(opusState, (size+7)/8) }

// opusFault is an error of the library.
func opusFault(code C.int) error { return errors.New(C.GoString(C.opus_strerror(code))) }

type opusDecoder struct {
	state    opusState
	channels int
}

func newOpusDecoder(rate, channels int) (*opusDecoder, error) {
	d := &opusDecoder{newOpusState(max(0, C.opus_decoder_get_size(C.int(channels)))), channels}
	if len(d.state) == 0 {
		return nil, opusFault(C.OPUS_BAD_ARG)
	}
	if failed := C.opus_decoder_init(d.c(), C.opus_int32(rate), C.int(channels)); failed != C.OPUS_OK {
		return nil, opusFault(failed)
	}
	return d, nil
}

func (d *opusDecoder) c() *C.OpusDecoder { return (*C.OpusDecoder)(unsafe.Pointer(&d.state[0])) }

func (d *opusDecoder) decode(pcm []int16, payload []byte, before bool) (n int, err error) {
	repair := C.int(0)
	if before {
		repair = 1
	}
	got := C.opus_decode(d.c(), (*C.uchar)(unsafe.SliceData(payload)), C.opus_int32(len(payload)),
		(*C.opus_int16)(unsafe.SliceData(pcm)), C.int(len(pcm)/d.channels), repair)
	if got < 0 {
		return 0, opusFault(got)
	}
	return int(got), nil
}

type opusEncoder struct {
	state    opusState
	channels int
}

func newOpusEncoder(rate, channels int) (*opusEncoder, error) {
	e := &opusEncoder{newOpusState(max(0, C.opus_encoder_get_size(C.int(channels)))), channels}
	if len(e.state) == 0 {
		return nil, opusFault(C.OPUS_BAD_ARG)
	}
	if failed := C.make_encoder(e.c(), C.int(rate), C.int(channels), opusComplexity, C.int(channels*opusBitrate)); failed != C.OPUS_OK {
		return nil, opusFault(failed)
	}
	return e, nil
}

func (e *opusEncoder) c() *C.OpusEncoder { return (*C.OpusEncoder)(unsafe.Pointer(&e.state[0])) }

func (e *opusEncoder) encode(payload []byte, pcm []int16) (n int, err error) {
	got := C.opus_encode(e.c(), (*C.opus_int16)(unsafe.SliceData(pcm)), C.int(len(pcm)/e.channels),
		(*C.uchar)(unsafe.SliceData(payload)), C.opus_int32(len(payload)))
	if got < 0 {
		return 0, opusFault(got)
	}
	return int(got), nil
}

func (e *opusEncoder) adapt(calm bool, percent, bitrate int) {
	by := C.int(0)
	if calm {
		by = 1
	}
	C.adapt(e.c(), by, C.int(percent), C.int(bitrate)) // fails for numbers only that are none of ours
}

func (e *opusEncoder) omitSilence(on bool) {
	by := C.int(0)
	if on {
		by = 1
	}
	C.omit_silence(e.c(), by)
}

//go:build cgo && speex

package echo

/*
#cgo linux LDFLAGS: -l:libspeexdsp.a -lm
#cgo !linux LDFLAGS: -lspeexdsp -lm
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <string.h>

static int set(SpeexPreprocessState *state, int request, int value) {
	return speex_preprocess_ctl(state, request, &value);
}

// The echo is taken out by that share at the beginning, and by that at the end.
static void process(SpeexEchoState *echo, SpeexPreprocessState *rest, const spx_int16_t *microphone, const spx_int16_t *reference, spx_int16_t *clean, int length, int parts, int from, int to) {
	for (int part = 0; part < parts; part++) {
		const int at = part * length;
		if (from || to)
			speex_echo_cancellation(echo, microphone + at, reference + at, clean + at);
		else
			memcpy(clean + at, microphone + at, length * sizeof *clean);
		for (int i = at; from != to && i < at + length; i++)
			clean[i] = microphone[i] + (clean[i] - microphone[i]) * (from * length * parts + (to - from) * i) / (length * parts);
		speex_preprocess_run(rest, clean + at);
	}
}

static void release(SpeexEchoState *echo, SpeexPreprocessState *rest) {
	if (echo)
		speex_echo_state_destroy(echo);
	speex_preprocess_state_destroy(rest);
}
*/
import "C"

import (
	"runtime"
	"unsafe"

	"cordboard/audio"
)

// Available says that this build can do it.
const Available = true

// tail is how long an echo may last that is taken out, in samples: 120 ms, of which the aligner leaves up to 45 before the echo
// begins. What a room returns later is 40 dB weaker, or suppressed as what is left of the rest.
const tail = bandRate * 120 / 1000

// While what was played in the last half second was no louder than faint (RMS, -58 dBFS: the noise of a line), even a big room's echo is over, and
// the filter rests: maybe half of a call, and half of the engine's time.
const (
	faint  = 40.0
	hushed = bandRate / 2 // samples
)

// Settings of the preprocessor.
const (
	noiseSuppress = -15  // dB, at most
	gainMost      = 12   // dB
	gainTarget    = 8000 // brings a voice to -24 dBFS, 2 dB above what ITU-T P.56 has as nominal
)

// engine works on the lower band by speexdsp: an adaptive filter (MDF, with two paths for double talk), then a preprocessor that
// suppresses what is left of the echo, and noise, and has the gain control. Its memory is C's, and is given back with it.
//
// In a room like those of TestEcho it takes as much of the echo as webrtc-audio-processing 0.3 (35 to 45 dB of 49) in as little
// time per frame. When both talk it leaves the near voice as loud as it is, where that one makes it 4 dB softer at its mildest and
// 9 at its usual setting; and that one takes 12 s and more to find a delay of 180 ms.
type engine struct {
	states states
	hush   int // samples since something was played, up to hushed
	share  int // of the echo that is taken out: 1; 0 while the filter rests
}

type states struct {
	echo *C.SpeexEchoState // nil: none
	rest *C.SpeexPreprocessState
}

func newEngine(config Config) *engine {
	e := &engine{}
	e.states.rest = C.speex_preprocess_state_init(engineFrame, bandRate)
	if config.Echo {
		rate := C.int(bandRate)
		e.states.echo = C.speex_echo_state_init(engineFrame, tail)
		C.speex_echo_ctl(e.states.echo, C.SPEEX_ECHO_SET_SAMPLING_RATE, unsafe.Pointer(&rate))
	}
	// What is left of the echo is only suppressed by what suppresses noise too; for that alone it gets nothing to do.
	suppress := 0
	if config.Noise {
		suppress = noiseSuppress
	}
	e.set(C.SPEEX_PREPROCESS_SET_DENOISE, 1)
	e.set(C.SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, suppress)
	if config.Gain {
		e.set(C.SPEEX_PREPROCESS_SET_AGC, 1)
		e.set(C.SPEEX_PREPROCESS_SET_AGC_TARGET, gainTarget)
		e.set(C.SPEEX_PREPROCESS_SET_AGC_MAX_GAIN, gainMost)
	}
	runtime.AddCleanup(e, func(held states) { C.release(held.echo, held.rest) }, e.states)
	return e
}

func (e *engine) set(request, value int) { C.set(e.states.rest, C.int(request), C.int(value)) }

// process cleans a frame of the microphone's, with one of the loudspeaker's as reference. What it gives is engineFrame later.
func (e *engine) process(microphone, reference, clean *band) {
	before := e.share
	if e.states.echo != nil {
		if e.hush = min(e.hush+bandFrame, hushed); audio.RMS(reference[:]) > faint {
			e.hush = 0
		}
		if e.share = 1; e.hush == hushed {
			e.share = 0
		}
	}
	if e.share > before {
		C.speex_preprocess_ctl(e.states.rest, C.SPEEX_PREPROCESS_SET_ECHO_STATE, unsafe.Pointer(e.states.echo))
	}
	C.process(e.states.echo, e.states.rest, samples(microphone), samples(reference), samples(clean), engineFrame, bandFrame/engineFrame, C.int(before), C.int(e.share))
	if e.share < before {
		C.speex_preprocess_ctl(e.states.rest, C.SPEEX_PREPROCESS_SET_ECHO_STATE, nil)
	}
	runtime.KeepAlive(e)
}

// forget begins anew with learning how the loudspeaker is heard.
func (e *engine) forget() { C.speex_echo_state_reset(e.states.echo) }

func samples(b *band) *C.spx_int16_t { return (*C.spx_int16_t)(unsafe.Pointer(b)) }

// Package audio holds sound as signed 16-bit PCM: formats, test tones, their measurement, and WAV files. It knows no
// network and no device.
package audio

import "time"

// Format says how a stream of interleaved 16-bit samples is to be read.
type Format struct {
	Rate     int // samples per second and channel
	Channels int // 1 mono, 2 stereo
}

// Samples is how many samples, all channels together, sound for d.
func (f Format) Samples(d time.Duration) int {
	return int(int64(d)*int64(f.Rate)/int64(time.Second)) * f.Channels
}

// Duration is how long n samples, all channels together, sound; zero for a format without rate or channels.
func (f Format) Duration(n int) time.Duration {
	if f.Rate <= 0 || f.Channels <= 0 {
		return 0
	}
	return time.Duration(n/f.Channels) * time.Second / time.Duration(f.Rate)
}

// Mono gives the mean of the channels of interleaved samples. A single channel is returned as it is.
func Mono(samples []int16, channels int) []int16 {
	if channels <= 1 {
		return samples
	}
	mono := make([]int16, len(samples)/channels)
	for i := range mono {
		sum := 0
		for _, s := range samples[i*channels : (i+1)*channels] {
			sum += int(s)
		}
		mono[i] = int16(sum / channels)
	}
	return mono
}

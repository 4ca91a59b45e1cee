package audio

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// tones are the tones of a country. One that is missing is as recommended.
type tones struct{ dial, ringback, busy, congestion, waiting pattern }

// recommended is what E.180 would have everywhere (§5 to §8).
var recommended = tones{
	dial:       tone(425),
	ringback:   tone(425, 1000, 4000),
	busy:       tone(425, 500, 500),
	congestion: tone(425, 200, 200),
	waiting:    tone(425, 200, 200, 200, 5000),
}

// northAmerica is the precise tone plan (ITU-T E.300 Supplement 3).
var northAmerica = tones{
	dial:       tone(350).with(440),
	ringback:   tone(440, 2000, 4000).with(480),
	busy:       tone(480, 500, 500).with(620),
	congestion: tone(480, 250, 250).with(620),
	waiting:    tone(440, 300, 9700),
}

// greatBritain is as BT's SIN 350 has it.
var greatBritain = tones{
	dial:       tone(350).with(440),
	ringback:   tone(400, 400, 200, 400, 2000).with(450),
	busy:       tone(400, 375, 375),
	congestion: tone(400, 400, 350, 225, 525),
	waiting:    tone(400, 100, 4000),
}

// countries are the tones of each, as ITU-T E.180 Supplement 2 lists them.
var countries = map[string]tones{
	"AT": {
		dial: tone(420), ringback: tone(420, 1000, 5000), busy: tone(420, 400, 400), congestion: tone(420, 200, 200),
		waiting: tone(420, 40, 1960),
	},
	"AU": {
		dial: tone(413).with(438), ringback: tone(413, 400, 200, 400, 2000).with(438), busy: tone(425, 375, 375),
		congestion: tone(425, 375, 375), waiting: tone(425, 200, 200, 200, 4400),
	},
	"BE": {ringback: tone(425, 1000, 3000), congestion: tone(425, 167, 167), waiting: tone(1400, 175, 175, 175, 3500)},
	"BG": {congestion: tone(425, 250, 250), waiting: tone(425, 150, 150, 150, 4000)},
	"BR": {busy: tone(425, 250, 250), congestion: tone(425, 250, 250, 750, 250), waiting: tone(425, 50, 1000)},
	"CA": northAmerica,
	"CH": {waiting: tone(425, 200, 200, 200, 4000)},
	"CN": {
		dial: tone(450), ringback: tone(450, 1000, 4000), busy: tone(450, 350, 350), congestion: tone(450, 700, 700),
		waiting: tone(450, 400, 4000),
	},
	"CZ": {
		dial: tone(425, 330, 330, 660, 660), busy: tone(425, 330, 330), congestion: tone(425, 165, 165),
		waiting: tone(425, 330, 9000),
	},
	"DE": {busy: tone(425, 480, 480), congestion: tone(425, 240, 240)},
	"DK": {waiting: tone(425, 200, 600, 200, 3000)},
	"EE": {busy: tone(425, 300, 300)},
	"ES": {
		ringback: tone(425, 1500, 3000), busy: tone(425, 200, 200), congestion: tone(425, 200, 200, 200, 200, 200, 600),
		waiting: tone(425, 175, 175, 175, 3500),
	},
	"FI": {busy: tone(425, 300, 300), waiting: tone(425, 150, 150, 150, 8000)},
	"FR": {
		dial: tone(440), ringback: tone(440, 1500, 3500), busy: tone(440, 500, 500), congestion: tone(440, 250, 250),
		waiting: tone(440, 300, 10000),
	},
	"GB": greatBritain,
	"GR": {dial: tone(425, 200, 300, 700, 800), busy: tone(425, 300, 300), waiting: tone(425, 150, 150, 150, 8000)},
	"HU": {
		ringback: tone(425, 1250, 3750), busy: tone(425, 300, 300), congestion: tone(425, 300, 300),
		waiting: tone(425, 40, 1960),
	},
	"IE": {ringback: tone(400, 400, 200, 400, 2000).with(450), congestion: tone(425, 250, 250)},
	"IL": {
		dial: tone(414), ringback: tone(414, 1000, 3000), busy: tone(414, 500, 500), congestion: tone(414, 250, 250),
		waiting: tone(414, 100, 100, 100, 100, 600, 3000),
	},
	"IN": {
		dial: tone(400).modulated(25), ringback: tone(400, 400, 200, 400, 2000).modulated(25), busy: tone(400, 750, 750),
		congestion: tone(400, 250, 250), waiting: tone(400, 200, 100, 200, 7500),
	},
	"IT": {dial: tone(425, 200, 200, 600, 1000), waiting: tone(425, 400, 100, 250, 100, 150, 14000)},
	"JP": {
		dial: tone(400), ringback: tone(400, 1000, 2000).modulated(16), busy: tone(400, 500, 500),
		congestion: tone(400, 500, 500), waiting: tone(400, 500, 8000).modulated(16),
	},
	"LT": {busy: tone(425, 350, 350), waiting: tone(425, 150, 150, 150, 4000)},
	"MX": {busy: tone(425, 250, 250), congestion: tone(425, 250, 250), waiting: tone(425, 200, 600, 200, 10000)},
	"MY": {ringback: tone(425, 400, 200, 400, 2000), congestion: tone(425, 500, 500)},
	"NL": {congestion: tone(425, 250, 250), waiting: tone(425, 500, 9500)},
	"NO": {waiting: tone(425, 200, 600, 200, 10000)},
	"NZ": {
		dial: tone(400), ringback: tone(400, 400, 200, 400, 2000).with(450), busy: tone(400, 500, 500),
		congestion: tone(400, 250, 250), waiting: tone(400, 200, 3000),
	},
	"PL": {congestion: tone(425, 500, 500), waiting: tone(425, 150, 150, 150, 4000)},
	"PT": {ringback: tone(425, 1000, 5000), waiting: tone(425, 200, 600, 200, 5000)},
	"RU": {busy: tone(425, 350, 350), congestion: tone(425, 175, 175), waiting: tone(425, 200, 5000)},
	"SE": {
		ringback: tone(425, 1000, 5000), busy: tone(425, 250, 250), congestion: tone(425, 250, 750),
		waiting: tone(425, 200, 500, 200, 9100),
	},
	"SG": {
		ringback: tone(425, 400, 200, 400, 2000).modulated(24), busy: tone(425, 750, 750), congestion: tone(425, 250, 250),
		waiting: tone(425, 300, 200, 300, 3200).modulated(24),
	},
	"UK": greatBritain, // as people write it
	"US": northAmerica,
	"ZA": {
		dial: tone(400).modulated(33), ringback: tone(400, 400, 200, 400, 2000).modulated(33), busy: tone(400, 500, 500),
		congestion: tone(400, 250, 250), waiting: tone(400, 250, 250).modulated(33),
	},
}

// Countries names those whose tones are known.
func Countries() []string { return slices.Sorted(maps.Keys(countries)) }

// patternOf is how a tone sounds in a country.
func patternOf(country string, p Progress) pattern {
	t := countries[strings.ToUpper(country)]
	has := func(own, other pattern) pattern {
		if own.first == 0 {
			return other
		}
		return own
	}
	switch p {
	case RingbackTone:
		return has(t.ringback, recommended.ringback)
	case BusyTone:
		return has(t.busy, recommended.busy)
	case CongestionTone:
		return has(t.congestion, recommended.congestion)
	case WaitingTone:
		return has(t.waiting, recommended.waiting)
	}
	return has(t.dial, recommended.dial)
}

// Country is the one of the machine's locale, as the environment names it: "AT" of LANG=de_AT.UTF-8. It is empty when it
// names none.
func Country(getenv func(string) string) string {
	locale, _, _ := strings.Cut(cmp.Or(getenv("LC_ALL"), getenv("LC_TELEPHONE"), getenv("LANG")), ".")
	locale, _, _ = strings.Cut(locale, "@")
	if _, country, _ := strings.Cut(locale, "_"); len(country) == 2 {
		return strings.ToUpper(country)
	}
	return ""
}

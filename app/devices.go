package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
)

// sound is the machine's sound as the API tells of it.
type sound struct {
	Devices []struct {
		Name, Purpose            string
		Default, Chosen, Missing bool
		Gain                     float64
	}
	Levels struct {
		Microphone, Loudspeaker float64
		Muted                   bool
	}
	State string
}

// soundChange is what to change of it.
type soundChange struct {
	Choose map[string]string  `json:"choose,omitempty"`
	Gain   map[string]float64 `json:"gain,omitempty"`
	Muted  *bool              `json:"muted,omitempty"`
}

// flags reads what to change from the command line.
func (s *soundChange) flags(f *flag.FlagSet) {
	f.Func("choose", "use a device from now on, as `PURPOSE=NAME`: microphone=…, loudspeaker=… or ringer=…; without a name the system's default", func(text string) error {
		purpose, name, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("want PURPOSE=NAME, as microphone=Headset")
		}
		if s.Choose == nil {
			s.Choose = map[string]string{}
		}
		s.Choose[purpose] = name
		return nil
	})
	f.Func("gain", "make a device louder by `PURPOSE=DECIBELS`, -60 to 20", func(text string) error {
		purpose, number, _ := strings.Cut(text, "=")
		dB, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return fmt.Errorf("want PURPOSE=DECIBELS, as microphone=-6")
		}
		if s.Gain == nil {
			s.Gain = map[string]float64{}
		}
		s.Gain[purpose] = dB
		return nil
	})
	f.BoolFunc("mute", "silence the microphone; --mute=false lets it be heard again", func(text string) error {
		on, err := strconv.ParseBool(text)
		s.Muted = &on
		return err
	})
}

func devicesCommand() command {
	var p place
	var change soundChange
	return command{
		name: "devices", short: "list microphones and loudspeakers, or choose which to use",
		examples: []string{"cordboard devices", `cordboard devices --choose microphone="USB Headset" --choose loudspeaker="USB Headset"`, "cordboard devices --choose ringer= --gain ringer=-6"},
		flags: func(f *flag.FlagSet) {
			p.dataFlag(f)
			change.flags(f)
		},
		run: func(c console, args []string) error {
			if len(args) > 0 {
				return misused("devices", "devices takes no arguments")
			}
			board, err := p.control()
			if err != nil {
				return err
			}
			method, in := http.MethodGet, any(nil)
			if change.Choose != nil || change.Gain != nil || change.Muted != nil {
				method, in = http.MethodPut, change
			}
			var now sound
			if err := board.ask(context.Background(), method, "/api/v1/devices", in, &now); err != nil {
				return err
			}
			return listDevices(c.out, now)
		},
	}
}

func listDevices(out io.Writer, now sound) error {
	if len(now.Devices) > 0 {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "PURPOSE\tNAME\tUSED\tGAIN")
		taken := map[string]bool{} // purposes for which a device is chosen that is there
		for _, d := range now.Devices {
			taken[d.Purpose] = taken[d.Purpose] || d.Chosen && !d.Missing
		}
		for _, d := range now.Devices {
			used := "-"
			switch {
			case d.Missing:
				used = "when it is there again"
			case d.Chosen:
				used = "yes, chosen"
			case d.Default && !taken[d.Purpose]:
				used = "yes, the system's default"
			case d.Default:
				used = "no, though the system's default"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%+g dB\n", d.Purpose, d.Name, used, d.Gain)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if now.Levels.Muted {
		fmt.Fprintln(out, "The microphone is muted.")
	}
	if now.State != "" {
		fmt.Fprintln(out, now.State)
	}
	return nil
}

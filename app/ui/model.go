// Package ui has the views of the window, one file a screen. A view shows what the bindings of a Model hold and does what people
// press by a Phone; it starts no goroutine and knows neither the gateway's inside nor the app's driver, so that tests need no display.
package ui

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2/data/binding"

	"cordboard/gateway/call"
)

// Phone is what the buttons of calls do. Its errors are sentences for people.
type Phone interface {
	Call(target string) (id string, err error)
	Answer(id string) error
	HangUp(id string) error // also gives up and declines
	Hold(id string) error
	Resume(id string) error
	Mute(id string, muted bool) error
	Press(id, keys string) error
	Transfer(id, target string) error // a number or name, or another call's ID
	Move(id string) error             // lets the user's other devices ring, to go on there
	Join() error                      // one conference of all calls that are answered
	DoNotDisturb(on bool)
}

// Device is a sound device.
type Device struct {
	Purpose, Name string // purpose: "microphone", "loudspeaker" or "ringer"
	Chosen        bool   // by name; where none is, the system's default is used
	Missing       bool   // chosen, but not there at the moment
}

// Purposes of sound devices.
const (
	Microphone  = "microphone"
	Loudspeaker = "loudspeaker"
	Ringer      = "ringer"
)

// Sound is how the machine's sound is set, and how loud it is in dBFS: silence is -96.
type Sound struct {
	Devices                 []Device
	Microphone, Loudspeaker float64
	Still                   bool   // the microphone is open, and nothing was heard from it for 3 s
	Problem                 string // what keeps it from working, one sentence; empty: nothing
}

// Settings is what the screen of settings changes.
type Settings interface {
	// Choose uses a device from now on; empty: the system's default. It does not wait: done is called later, on Fyne's loop.
	Choose(purpose, device string, done func(error))
	Appearance() Appearance
	SetAppearance(Appearance)
	Language() string // "en", "de"; empty: the system's
	SetLanguage(string)
	// Look asks for meters and devices in Model.Sound, and for PBXs in Model.Nearby, as long as they are shown.
	Look(on bool)
	// Seen tells that missed calls until then were seen.
	Seen(until time.Time)
}

// Waiting is a neighbour with which somebody here has to do something: it asks to be paired, or is not what it was.
type Waiting struct {
	Name    string
	Asks    bool
	Trouble string // one sentence; of one that does not ask
}

// Status is how it stands with Cordboard, in words.
type Status struct {
	PBX         []call.PBX
	Pages       []string // addresses of the calling page
	Neighbours  []Waiting
	Certificate time.Time // when the page's ends that somebody has to renew; zero: none
}

// Model is what the views show. One loop fills it from any goroutine; views listen, and are told of what differs alone. Lists are items
// as a whole, because Fyne's lists tell only of another length. What was set is not changed any more.
type Model struct {
	Name       binding.String // of this Cordboard
	Desk       binding.Item[call.DeskState]
	People     binding.Item[[]call.Lamp]
	Recent     binding.Item[[]call.Record] // newest first
	Owner      binding.String              // the user whose calls they are
	Self       binding.String              // how people call the owner; empty: as Owner
	Seen       binding.Item[time.Time]     // until when missed calls were seen
	Voicemail  binding.Item[call.Voicemail]
	Troubles   binding.Item[[]call.Concern]           // of the calls of the moment
	Sounds     binding.Item[map[string][]call.Sample] // how the other side of each call sounds, by Call-ID
	Elsewhere  binding.Item[[]call.Info]              // the user's calls on other devices
	Recordings binding.Item[[]call.RecordingState]    // of the calls of the moment, as far as they may be recorded
	Sound      binding.Item[Sound]
	Status     binding.Item[Status]
	Nearby     binding.Item[[]Nearby]  // PBXs, while Settings.Look asks for them
	Now        binding.Item[time.Time] // moves while something shows the time
}

// NewModel is a model of which nothing is known yet.
func NewModel() *Model {
	return &Model{
		Name:      binding.NewString(),
		Desk:      binding.NewItem(sameDesk),
		People:    newList[call.Lamp](),
		Recent:    binding.NewItem(func(a, b []call.Record) bool { return reflect.DeepEqual(a, b) }),
		Owner:     binding.NewString(),
		Self:      binding.NewString(),
		Seen:      binding.NewItem(time.Time.Equal),
		Voicemail: binding.NewItem(func(a, b call.Voicemail) bool { return a == b }),
		Troubles:  newList[call.Concern](),
		Sound: binding.NewItem(func(a, b Sound) bool {
			return a.Microphone == b.Microphone && a.Loudspeaker == b.Loudspeaker && a.Still == b.Still && a.Problem == b.Problem && slices.Equal(a.Devices, b.Devices)
		}),
		Status:     binding.NewItem(func(a, b Status) bool { return reflect.DeepEqual(a, b) }),
		Sounds:     binding.NewItem(func(a, b map[string][]call.Sample) bool { return len(a) == 0 && len(b) == 0 }),
		Nearby:     newList[Nearby](),
		Elsewhere:  newList[call.Info](),
		Recordings: newList[call.RecordingState](),
		Now:        binding.NewItem(time.Time.Equal),
	}
}

func newList[T comparable]() binding.Item[[]T] { return binding.NewItem(slices.Equal[[]T]) }

func sameDesk(a, b call.DeskState) bool {
	return a.Ready == b.Ready && a.Problem == b.Problem && a.Owner == b.Owner && a.Busy == b.Busy && slices.Equal(a.Calls, b.Calls)
}

// desk is how the phone is doing now.
func (m *Model) desk() call.DeskState {
	d, _ := m.Desk.Get() // which does not fail for a binding without a converter
	return d
}

// calls gives the calls that have not ended: the one in the middle, if any, those that come in, and the rest.
func (m *Model) calls() (main *call.DeskCall, rings, others []call.DeskCall) {
	for _, c := range m.desk().Calls {
		switch {
		case c.State == call.Ended, c.Moves != "":
		case incoming(c):
			rings = append(rings, c)
		case main == nil || main.Held && !c.Held || c.State != call.Talking:
			if main != nil {
				others = append(others, *main)
			}
			main = &c
		default:
			others = append(others, c)
		}
	}
	slices.SortFunc(others, func(a, b call.DeskCall) int { return int(a.Since - b.Since) })
	return main, rings, others
}

// goesOn reports whether a call is up, or on its way.
func (m *Model) goesOn(id string) bool {
	return slices.ContainsFunc(m.desk().Calls, func(c call.DeskCall) bool { return c.ID == id && c.State != call.Ended })
}

func incoming(c call.DeskCall) bool { return c.Direction == "in" && c.State == call.Ringing }

// nameOf is how people call a target: a user's name or a number.
func (m *Model) nameOf(target string) string {
	owner, _ := m.Owner.Get()
	if self, _ := m.Self.Get(); self != "" && target == owner {
		return self
	}
	if l, ok := m.lampOf(target); ok && l.Name != "" {
		return l.Name
	}
	if target == "echo" || target == "tone" {
		return say("always." + target)
	}
	return grouped(target)
}

func (m *Model) lampOf(target string) (call.Lamp, bool) {
	people, _ := m.People.Get()
	i := slices.IndexFunc(people, func(l call.Lamp) bool { return l.Target == target || l.Extension != "" && l.Extension == target })
	if i < 0 {
		return call.Lamp{}, false
	}
	return people[i], true
}

// who is the other one of a call, and the number where that says more.
func (m *Model) who(c call.DeskCall) (name, number string) {
	name = Caller(c.Name)
	if name == "" || name == c.Peer {
		name = m.nameOf(c.Peer)
	}
	number = grouped(c.Peer)
	if l, ok := m.lampOf(c.Peer); ok && l.Extension != "" {
		number = l.Extension
	}
	if strings.EqualFold(number, name) {
		number = ""
	}
	return name, number
}

package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"cordboard/gateway/call"
)

// more is what is done with a call less often: letting it go on at another device, recording it.
type more struct {
	widget.BaseWidget
	a            *active
	open         bool
	move, record *pill
}

func (w *Window) newMore(a *active) *more {
	m := &more{a: a}
	m.move = newPill("move", say("button.move"), theme.ColorNamePrimary, m.toggleMove)
	m.record = newPill("record", say("button.record"), theme.ColorNamePrimary, m.toggleRecord)
	m.move.outlined, m.record.outlined = true, true
	m.ExtendBaseWidget(m)
	m.Hide()
	return m
}

func (m *more) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(column(unit, m.move, m.record))
}

// arrange brings the buttons up to date.
func (m *more) arrange() {
	w := m.a.w
	m.Hidden = !m.open
	if m.move.word = say("button.move"); w.model.moving(m.a.call.ID) != "" {
		m.move.word = say("button.stay")
	}
	m.move.set(m.a.call.State != call.Talking)
	m.move.Refresh()
	state := w.model.recording(m.a.call)
	m.record.icon, m.record.word = "record", say("button.record")
	if state.On {
		m.record.icon, m.record.word = "record-on", say("button.stopRecord")
	}
	m.record.set(!state.Allowed)
	m.record.Refresh()
	m.Refresh()
}

// toggleMove lets the user's other devices ring, or not any more.
func (m *more) toggleMove() {
	w := m.a.w
	if ring := w.model.moving(m.a.call.ID); ring != "" {
		w.do(w.phone.HangUp(ring))
		return
	}
	w.do(w.phone.Move(m.a.call.ID))
}

func (m *more) toggleRecord() {
	state := m.a.w.model.recording(m.a.call)
	m.a.w.do(m.a.w.calls.Record(state.ID, !state.On))
}

// moving is the call to the user's other devices at which a call shall go on; empty: there is none.
func (m *Model) moving(id string) string {
	for _, c := range m.desk().Calls {
		if c.Moves == id && c.State != call.Ended {
			return c.ID
		}
	}
	return ""
}

// recording is how it stands with the recording of a call; the zero state: it can't be recorded.
func (m *Model) recording(c call.DeskCall) call.RecordingState {
	all, _ := m.Recordings.Get()
	for _, s := range all {
		if s.Dialog != "" && s.Dialog == callID(c) {
			return s
		}
	}
	return call.RecordingState{}
}

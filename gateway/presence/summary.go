package presence

import (
	"fmt"
	"strconv"
	"strings"
)

// SummaryType is the content type of a message summary.
const SummaryType = "application/simple-message-summary"

// maxMessages is the largest count of messages that is believed.
const maxMessages = 1_000_000

// Summary is a message summary (RFC 3842): what waits in a voice mail box.
type Summary struct {
	Waiting              bool
	Account              string // the box's address; may be empty
	New, Old             int
	NewUrgent, OldUrgent int // among New and Old
}

// Marshal writes the summary.
func (s Summary) Marshal() []byte {
	waiting := "no"
	if s.Waiting {
		waiting = "yes"
	}
	text := "Messages-Waiting: " + waiting + "\r\n"
	if s.Account != "" {
		text += "Message-Account: " + s.Account + "\r\n"
	}
	return fmt.Appendf(nil, "%sVoice-Message: %d/%d (%d/%d)\r\n", text, s.New, s.Old, s.NewUrgent, s.OldUrgent)
}

// ParseSummary reads a summary. Some senders say only whether messages wait; then New is 1 or 0. The error is ErrTooLarge or
// ErrMalformed.
func ParseSummary(data []byte) (Summary, error) {
	var s Summary
	if len(data) > MaxDocument {
		return s, ErrTooLarge
	}
	status, counted := false, false
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "messages-waiting":
			status = true
			s.Waiting = strings.EqualFold(value, "yes")
		case "message-account":
			s.Account = clean(value)
		case "voice-message":
			if err := s.counts(value); err != nil {
				return Summary{}, err
			}
			counted = true
		}
	}
	if !status {
		return Summary{}, ErrMalformed
	}
	if !counted && s.Waiting {
		s.New = 1
	}
	return s, nil
}

// counts reads "new/old" or "new/old (urgent new/urgent old)".
func (s *Summary) counts(text string) error {
	all, urgent, _ := strings.Cut(text, "(")
	var err error
	if s.New, s.Old, err = pair(all); err != nil {
		return err
	}
	if urgent == "" {
		return nil
	}
	s.NewUrgent, s.OldUrgent, err = pair(strings.TrimRight(urgent, ") \t"))
	return err
}

func pair(text string) (a, b int, err error) {
	x, y, ok := strings.Cut(text, "/")
	if !ok {
		return 0, 0, ErrMalformed
	}
	for _, n := range []struct {
		text string
		to   *int
	}{{x, &a}, {y, &b}} {
		if *n.to, err = strconv.Atoi(strings.TrimSpace(n.text)); err != nil || *n.to < 0 || *n.to > maxMessages {
			return 0, 0, ErrMalformed
		}
	}
	return a, b, nil
}

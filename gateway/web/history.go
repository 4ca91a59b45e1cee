package web

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// How many calls one answer of /api/v1/history holds.
const (
	defaultCalls = 50
	maxCalls     = 200
)

// Call is a call of the user's that has ended. Times are in Unix milliseconds.
type Call struct {
	ID        string `json:"id"`
	From      string `json:"from"`
	To        string `json:"to"`
	Display   string `json:"display"`   // the other one's name as people write it; may be empty
	Direction string `json:"direction"` // "made" or "received"
	Began     int64  `json:"began"`
	Answered  int64  `json:"answered,omitzero"` // absent: never, or by somebody else
	Ended     int64  `json:"ended"`
	Seconds   int64  `json:"seconds"` // how long they talked
	Reason    string `json:"reason"`  // why it ended, one sentence

	Quality   *call.Quality `json:"quality,omitempty"`  // how it sounded; absent: not known, or taken by somebody else
	Recording string        `json:"recording,omitzero"` // its ID at /api/v1/recordings; absent: none
}

var errPage = &fault{Status: http.StatusBadRequest, Code: "malformed",
	Message: "The page of calls that was asked for makes no sense: before is a time in milliseconds, limit is from 1 to " + strconv.Itoa(maxCalls) + "."}

// paging reads which calls are asked for: at most limit of those that began before a time; zero: any.
func paging(r *http.Request) (before time.Time, limit int, err error) {
	ms, err := number(r, "before", 0, math.MaxInt64)
	if err != nil {
		return before, 0, err
	}
	n, err := number(r, "limit", defaultCalls, maxCalls)
	if err != nil {
		return before, 0, err
	}
	if ms > 0 {
		before = time.UnixMilli(ms)
	}
	return before, int(n), nil
}

// history tells the calls that the user made or got.
func (s *Server) history(w http.ResponseWriter, r *http.Request) error {
	u, err := s.signedIn(r)
	if err != nil {
		return err
	}
	end, limit, err := paging(r)
	if err != nil {
		return err
	}
	records, err := s.deps.History.Calls(r.Context(), u.Name, end, limit)
	if err != nil {
		return err
	}
	calls := make([]Call, len(records))
	for i, c := range records {
		calls[i] = callOf(u, c)
	}
	return write(w, http.StatusOK, struct {
		Calls []Call `json:"calls"`
	}{calls})
}

// number is a query parameter from 1 to most; missing is what it means when it is not there.
func number(r *http.Request, name string, missing, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, errPage
	}
	return n, nil
}

// callOf is a record as its user sees it.
func callOf(u auth.User, r call.Record) Call {
	c := Call{ID: r.ID, From: r.From, To: r.To, Display: r.FromDisplay, Direction: "received",
		Began: r.Began.UnixMilli(), Ended: r.Ended.UnixMilli(), Reason: r.Reason}
	if r.Recorded {
		c.Recording = r.ID
	}
	if r.Made(u.Name) {
		c.Display, c.Direction = r.ToDisplay, "made"
	}
	switch {
	case r.Elsewhere(u.Name):
		c.Reason = "Answered by " + r.AnsweredBy
	case !r.Answered.IsZero():
		c.Answered = r.Answered.UnixMilli()
		c.Seconds = max(0, int64(r.Ended.Sub(r.Answered)/time.Second))
		if len(r.Quality.Legs) > 0 {
			c.Quality = &r.Quality
		}
	}
	return c
}

package call

import "time"

// Trial is what came of trying an account at a PBX.
type Trial struct {
	Works bool      `json:"works"`
	Code  string    `json:"code"` // one of the constants below
	Text  string    `json:"text"` // a sentence for people: how it is, and what to do
	Date  time.Time `json:"-"`    // the PBX's clock, read at At; zero: it did not tell
	At    time.Time `json:"-"`
}

// Codes of a trial.
const (
	TrialWorks         = "works"
	TrialWrongPassword = "wrong_password"
	TrialNoPassword    = "no_password" // it wants one and none was given
	TrialRefused       = "refused"     // it does not take this extension
	TrialBusy          = "busy"        // not at the moment
	TrialNoAnswer      = "no_answer"
	TrialNoService     = "no_service" // the machine is on, but nothing listens at the port
	TrialNoWay         = "no_way"     // no network leads there
	TrialUnknownName   = "unknown_name"
	TrialCertificate   = "certificate" // not trusted
	TrialFailed        = "failed"      // otherwise
)

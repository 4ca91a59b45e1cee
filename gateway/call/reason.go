package call

// Why a call ended, each in the words of somebody at a desk.
const (
	ReasonAnswered    = "Answered"
	ReasonBusy        = "Busy"
	ReasonDeclined    = "Declined"
	ReasonNotAnswered = "Not answered"
	ReasonUnavailable = "Not available"
	ReasonNobody      = "No such name or number"
	ReasonIncomplete  = "The number is incomplete"
	ReasonForbidden   = "Not allowed"
	ReasonNoSound     = "No common sound format"
	ReasonLoop        = "The call went in a circle"
	ReasonRefused     = "The other side could not take the call"
	ReasonFault       = "The other side had a fault"
	ReasonHungUp      = "Caller hung up before the answer"
	ReasonElsewhere   = "Answered on another device"
	ReasonNoDevice    = "No device is signed in"
	ReasonLost        = "Connection lost"
	ReasonStopped     = "Cordboard was stopped"
	ReasonOwnFault    = "Cordboard had a fault"
)

// Reason says what the final SIP status of a call (RFC 3261 §21) means. rang: a callee rang before it came; phones
// that ring out end with the same statuses as phones that are off.
func Reason(status int, rang bool) string {
	switch status {
	case 486, 600:
		return ReasonBusy
	case 603, 607: // RFC 8197 for the second
		return ReasonDeclined
	case 408, 487:
		return ReasonNotAnswered
	case 480:
		if rang {
			return ReasonNotAnswered
		}
		return ReasonUnavailable
	case 404, 410, 604:
		return ReasonNobody
	case 484:
		return ReasonIncomplete
	case 401, 403, 407:
		return ReasonForbidden
	case 415, 488, 606:
		return ReasonNoSound
	case 482, 483:
		return ReasonLoop
	}
	switch status / 100 {
	case 2:
		return ReasonAnswered
	case 5:
		return ReasonFault
	default:
		return ReasonRefused
	}
}

// ReasonUnreachable says that a PBX can't be reached.
func ReasonUnreachable(pbx string) string { return "The PBX " + pbx + " is unreachable" }

package call

// Path is how the packets of one direction of a leg fared in a while.
type Path struct {
	Packets uint64  `json:"packets"`
	Lost    uint64  `json:"lost"`   // never came
	Late    uint64  `json:"late"`   // came behind a newer one
	Loss    float64 `json:"loss"`   // share of what was sent that never came, 0 to 1
	Jitter  float64 `json:"jitter"` // ms, interarrival jitter (RFC 3550 §6.4.1)
	MOS     float64 `json:"mos"`    // estimated opinion of a listener, 1 (bad) to 4.4; 0: nothing to judge
}

// Sample is how a leg did in the five seconds before.
type Sample struct {
	At    int64   `json:"at"`    // Unix milliseconds
	In    Path    `json:"in"`    // from the party to us, as we count
	Out   Path    `json:"out"`   // from us to the party, as its reports say; packets are ours
	Delay float64 `json:"delay"` // ms there and back between us and the party; 0: it does not tell
}

// TroubleKind is what is wrong with the media of a leg.
type TroubleKind string

// The kinds of trouble. Of the first six a leg has one at most, the cause that explains most.
const (
	TroubleICE     TroubleKind = "ice"      // no connectivity check came: UDP is blocked
	TroubleDTLS    TroubleKind = "dtls"     // the keys were not agreed on
	TroubleKeys    TroubleKind = "keys"     // packets come and can't be decrypted
	TroubleCodec   TroubleKind = "codec"    // packets of a payload type come that was not agreed on
	TroubleAddress TroubleKind = "address"  // packets come from another host than announced
	TroubleSilent  TroubleKind = "silent"   // no packets come
	TroubleMuted   TroubleKind = "muted"    // packets come and hold digital silence
	TroubleLossIn  TroubleKind = "loss_in"  // many packets of the party are lost
	TroubleLossOut TroubleKind = "loss_out" // many packets to the party are lost
	TroubleOneWay  TroubleKind = "one_way"  // of the two sides of the call only the other one is heard
)

// Trouble is something wrong with the media of a leg, from its begin to its end.
type Trouble struct {
	Call  string      `json:"call"`
	Leg   string      `json:"-"`    // of the call's media
	Side  string      `json:"side"` // whose media: "browser", "pbx" or "desk", this machine's phone
	Kind  TroubleKind `json:"kind"`
	Text  string      `json:"text"`           // what happens
	Cause string      `json:"cause"`          // what it comes of most likely
	Began int64       `json:"began"`          // Unix milliseconds
	Ended int64       `json:"ended,omitzero"` // absent: it goes on
}

// Concern is a trouble as it is told to a user of the call.
type Concern struct {
	Trouble
	SIP string `json:"sip"` // Call-ID of the user's dialog (RFC 3261 §20.8)
	Own bool   `json:"own"` // it is the user's own browser, else the other side
}

// MediaLeg is the media of one leg of a call that is up.
type MediaLeg struct {
	Leg        string   `json:"-"`
	User       string   `json:"user,omitempty"`      // whose browser; empty: not a user's
	Side       string   `json:"side"`                // "browser", "pbx" or "desk"
	State      string   `json:"state"`               // "ice", "dtls", "up", "lost", "failed"
	Codec      string   `json:"codec,omitempty"`     // of what the party says, as "PCMU/8000"
	Security   string   `json:"security"`            // "none", or the SRTP profile; "PCM" within this machine
	Talks      bool     `json:"talks"`               // the party may send
	Hears      bool     `json:"hears"`               // the party wants to be sent to
	Local      string   `json:"local,omitempty"`     // our address and port; for administrators, as the two below
	Announced  string   `json:"announced,omitempty"` // the party's, in its description
	Remote     string   `json:"remote,omitempty"`    // the party's, in fact
	PacketsIn  uint64   `json:"packets_in"`
	BytesIn    uint64   `json:"bytes_in"`
	PacketsOut uint64   `json:"packets_out"`
	BytesOut   uint64   `json:"bytes_out"`
	Lost       uint64   `json:"lost"`
	Late       uint64   `json:"late"`
	Dropped    uint64   `json:"dropped"` // came and were not taken
	Unsent     uint64   `json:"unsent"`  // could not be sent
	Jitter     float64  `json:"jitter"`  // ms, of the moment
	Steps      Steps    `json:"steps"`
	Samples    []Sample `json:"samples"` // the last ones, oldest first
}

// Steps says when the media of a leg came up, in Unix milliseconds; 0: not yet, or there is no such step.
type Steps struct {
	Began    int64 `json:"began"`              // the leg was made
	Agreed   int64 `json:"agreed,omitzero"`    // both sides' descriptions were known, for the first time
	Checked  int64 `json:"checked,omitzero"`   // the first connectivity check of ICE
	Keyed    int64 `json:"keyed,omitzero"`     // the keys are agreed on
	FirstIn  int64 `json:"first_in,omitzero"`  // first packet from the party
	FirstOut int64 `json:"first_out,omitzero"` // first packet to the party
}

// Media is the media of a call that is up.
type Media struct {
	Asked    int64      `json:"asked,omitzero"`    // when the call was asked for, in Unix milliseconds
	Answered int64      `json:"answered,omitzero"` // when it was answered
	Legs     []MediaLeg `json:"legs"`
	Troubles []Trouble  `json:"troubles"` // the last ones, oldest first
}

// Quality is how a call sounded, in short.
type Quality struct {
	Legs  []LegQuality `json:"legs"`
	Worst string       `json:"worst,omitempty"` // what was worst, in words; empty: nothing
}

// LegQuality is how the media of one party fared.
type LegQuality struct {
	Leg   string      `json:"-"`
	Party string      `json:"party"` // a user, or a PBX by its name
	In    PathQuality `json:"in"`    // from the party to us
	Out   PathQuality `json:"out"`   // from us to the party
}

// PathQuality is how one direction fared in a whole call.
type PathQuality struct {
	Packets uint64  `json:"packets"`
	Loss    float64 `json:"loss"`    // share, 0 to 1
	Jitter  float64 `json:"jitter"`  // ms, on average
	MOS     float64 `json:"mos"`     // on average; 0: nothing to judge
	Worst   float64 `json:"mos_min"` // the worst five seconds
}

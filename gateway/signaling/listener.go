package signaling

import (
	"log/slog"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// maxMessage is the longest SIP message from a browser, in bytes, Content-Length header included. It is what sipgo can
// take: the size of its read buffer is a uint16.
const maxMessage = 1<<16 - 1

// maxDatagram is the longest message that fits into UDP over IPv4, in bytes. Above the path's MTU it travels in fragments,
// which beats not at all: an answer can't change to TCP (RFC 3261 §18.2.2), and many a PBX has UDP only.
const maxDatagram = 1<<16 - 1 - 20 - 8

// tuneSipgo sets sipgo's package variables, which hold for the whole process: before anything else of sipgo runs.
var tuneSipgo = sync.OnceFunc(func() {
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) // it warns of its own counting when a flow ends under a transaction
	sip.ParseMaxMessageLength = maxMessage
	sip.UDPMTUSize = maxDatagram + 200       // sipgo drops what comes within 200 bytes of it, answers too
	sip.TransportBufferReadSize = maxMessage // one such buffer for each TCP connection and for the UDP socket
})

// quiet is for sipgo, which logs whole messages, credentials and all.
var quiet = slog.New(slog.DiscardHandler)

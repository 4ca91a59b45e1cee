package call

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Client says that a party is a server of which we are the WebRTC client, as a browser is of ours.
type Client struct {
	Servers []ICEServer    // by which our address outside is learned, or media is relayed; none: only our own addresses
	Roots   *x509.CertPool // that a turns server's certificate must go back to; nil: those of the system
}

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	URL                string // as RFC 7064 or RFC 7065 has it, with its port: "stun:host:port", "turns:host:port?transport=tcp"
	Username, Password string // of turn and turns
}

// The ports of STUN and TURN, in the clear and by TLS (RFC 8489 §18.6, RFC 8656 §20).
const (
	portSTUN = 3478
	portTLS  = 5349
)

// ParseICEServer reads "stun:host[:port]", "turn:user:password@host[:port][?transport=udp|tcp]" or "turns:user:password@host[:port]":
// RFC 7064 and RFC 7065, and before a TURN server's host its credentials, in which %3A stands for a colon of the user's name. An
// error quotes nothing, for there may be a password.
func ParseICEServer(text string) (ICEServer, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	if scheme != "stun" && scheme != "turn" && scheme != "turns" {
		return ICEServer{}, errors.New("want stun:, turn: or turns: at its beginning")
	}
	rest, query, _ := strings.Cut(rest, "?")
	var s ICEServer
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		if scheme == "stun" {
			return ICEServer{}, errors.New("a STUN server takes no user and no password")
		}
		user, password, _ := strings.Cut(rest[:i], ":")
		var fault error
		if s.Username, fault = url.PathUnescape(user); fault == nil {
			s.Password, fault = url.PathUnescape(password)
		}
		if fault != nil {
			return ICEServer{}, errors.New("has a % that begins no character; write %25")
		}
		rest = rest[i+1:]
	}
	if scheme != "stun" && (s.Username == "" || s.Password == "") {
		return ICEServer{}, fmt.Errorf("a TURN server needs user and password, like %s:user:password@host", scheme)
	}
	transport, standard := "udp", portSTUN
	if scheme == "turns" {
		transport, standard = "tcp", portTLS
	}
	switch wanted := strings.ToLower(query); {
	case query == "":
	case scheme == "turn" && (wanted == "transport=udp" || wanted == "transport=tcp"), scheme == "turns" && wanted == "transport=tcp":
		transport = strings.TrimPrefix(wanted, "transport=")
	default:
		return ICEServer{}, errors.New("after its ? want transport=udp or, for turn and turns, transport=tcp")
	}
	host, err := iceHost(rest, standard)
	if err != nil {
		return ICEServer{}, err
	}
	if s.URL = scheme + ":" + host; scheme != "stun" {
		s.URL += "?transport=" + transport
	}
	return s, nil
}

// iceHost reads "host[:port]" and writes it with the port.
func iceHost(text string, standard int) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), strconv.Itoa(standard)
		if strings.HasPrefix(text, "[") != strings.HasSuffix(text, "]") || strings.Contains(host, ":") && host == text {
			return "", errors.New("has no host:port at its end; an IPv6 address needs brackets")
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("its port is not from 1 to 65535")
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return net.JoinHostPort(host, port), nil
	}
	if host == "" || len(host) > 253 || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return "", errors.New("has neither an IP address nor a name as its host")
	}
	return net.JoinHostPort(host, port), nil
}

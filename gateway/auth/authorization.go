package auth

import (
	"fmt"
	"strconv"
	"strings"
)

// maxAuthorization is the longest Authorization header read, in bytes.
const maxAuthorization = 4096

// Values of qop (RFC 7616 §3.4). Only auth is offered; auth-int, which protects the body too,
// is checked where a client insists on it.
const (
	qopAuth    = "auth"
	qopAuthInt = "auth-int"
)

// authorization is what an Authorization header says (RFC 7616 §3.4), quotes and escapes removed.
type authorization struct {
	algorithm                           hashing
	username, realm, nonce, uri, cnonce string
	nc, qop, response                   string
	count                               uint32 // nc as a number
}

// parseAuthorization reads a header of the Digest scheme. The error is ErrNoCredentials for
// nothing or another scheme, else ErrMalformed.
func parseAuthorization(header string) (authorization, error) {
	if len(header) > maxAuthorization {
		return authorization{}, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, len(header), maxAuthorization)
	}
	scheme, rest, _ := strings.Cut(strings.Trim(header, " \t"), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return authorization{}, ErrNoCredentials
	}
	params, err := parseParams(rest)
	if err != nil {
		return authorization{}, err
	}
	a := authorization{
		username: params["username"], realm: params["realm"], nonce: params["nonce"], uri: params["uri"],
		cnonce: params["cnonce"], nc: params["nc"], qop: params["qop"], response: params["response"],
	}
	for _, name := range []string{"username", "realm", "nonce", "uri", "cnonce", "nc", "qop", "response"} {
		if params[name] == "" {
			return authorization{}, fmt.Errorf("%w: no %s", ErrMalformed, name)
		}
	}
	if a.qop != qopAuth && a.qop != qopAuthInt {
		return authorization{}, fmt.Errorf("%w: qop %q", ErrMalformed, clip(a.qop))
	}
	switch strings.ToUpper(params["algorithm"]) {
	case "", string(algMD5): // RFC 7616 §3.4: absent means MD5
		a.algorithm = algMD5
	case string(algSHA256):
		a.algorithm = algSHA256
	default:
		return authorization{}, fmt.Errorf("%w: algorithm %q", ErrMalformed, clip(params["algorithm"]))
	}
	if params["userhash"] != "" && !strings.EqualFold(params["userhash"], "false") {
		return authorization{}, fmt.Errorf("%w: userhash was not offered", ErrMalformed)
	}
	count, err := strconv.ParseUint(a.nc, 16, 32)
	if err != nil || len(a.nc) != 8 || count == 0 {
		return authorization{}, fmt.Errorf("%w: nc %q, want 8 hex digits from 00000001", ErrMalformed, clip(a.nc))
	}
	a.count = uint32(count)
	return a, nil
}

// parseParams reads name=value pairs with commas between them (RFC 3261 §25.1, auth-param);
// each name may be there once. Names are lower case in the result.
func parseParams(text string) (map[string]string, error) {
	params := make(map[string]string, 12)
	for {
		name, rest := cutToken(skipSpace(text))
		rest, found := strings.CutPrefix(skipSpace(rest), "=")
		if name == "" || !found {
			return nil, fmt.Errorf("%w: want name=value", ErrMalformed)
		}
		value, rest, err := cutValue(skipSpace(rest))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		name = strings.ToLower(name)
		if _, twice := params[name]; twice {
			return nil, fmt.Errorf("%w: %s twice", ErrMalformed, name)
		}
		params[name] = value
		if text = skipSpace(rest); text == "" {
			return params, nil
		}
		if text[0] != ',' {
			return nil, fmt.Errorf("%w: want a comma after %s", ErrMalformed, name)
		}
		text = text[1:]
	}
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }

// cutToken splits off a token (RFC 3261 §25.1), which may be empty.
func cutToken(s string) (token, rest string) {
	i := 0
	for i < len(s) && isToken(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0
}

// cutValue splits off a token or a quoted string, whose escapes it resolves.
func cutValue(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' {
		if value, rest = cutToken(s); value == "" {
			return "", "", fmt.Errorf("%w: no value", ErrMalformed)
		}
		return value, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			return b.String(), s[i+1:], nil
		}
		if c == '\\' {
			if i++; i == len(s) {
				break
			}
			c = s[i]
		}
		if c < ' ' || c == 0x7f {
			return "", "", fmt.Errorf("%w: control character", ErrMalformed)
		}
		b.WriteByte(c)
	}
	return "", "", fmt.Errorf("%w: quotation without end", ErrMalformed)
}

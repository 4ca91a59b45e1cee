package gateway

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
	"cordboard/gateway/signaling"
)

// maxCredential is the longest user name or password that is tried, in characters.
const maxCredential = 128

// tryPBX tries an account at a PBX that need not be configured. One that is, is met with its own certificates.
func (g *Gateway) tryPBX(ctx context.Context, uri, username, password string) (call.Trial, error) {
	if _, err := pbxTransport(uri); err != nil {
		return call.Trial{}, fmt.Errorf("the PBX's address can't be used: %w", err)
	}
	var check checker
	check.credential("", username)
	check.credential("", password)
	switch {
	case username == "":
		return call.Trial{}, errors.New("the extension or user name is missing")
	case len(check.faults) > 0 || utf8.RuneCountInString(username) > maxCredential || utf8.RuneCountInString(password) > maxCredential:
		return call.Trial{}, fmt.Errorf("the user name or the password has a control character or more than %d characters", maxCredential)
	}
	pbx := signaling.PBX{Name: "pbx", URI: uri}
	for _, p := range g.outside.Load().PBX {
		if p.URI == uri {
			pbx = p
			break
		}
	}
	return signaling.Try(ctx, pbx, auth.Credentials{Username: username, Password: password}, nil), nil
}

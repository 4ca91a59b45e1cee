package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxSecret bounds the size of a file that holds a secret, in bytes.
const maxSecret = 64 << 10

// secret is one text of the configuration that may stand in a file of its own instead.
type secret struct {
	path string
	text *string
}

// secrets lists the texts of c that may be "file:/path".
func (c *Config) secrets() []secret {
	var all []secret
	for i := range c.PBX {
		p := &c.PBX[i]
		all = append(all, secret{"pbx" + index0(i) + ".password", &p.Password})
		for j := range p.ICE {
			all = append(all, secret{"pbx" + index0(i) + ".ice" + index0(j), &p.ICE[j]})
		}
	}
	for i := range c.User {
		u := &c.User[i]
		all = append(all, secret{"user" + index0(i) + ".password", &u.Password}, secret{"user" + index0(i) + ".pbx_password", &u.PBXPassword})
	}
	for i := range c.Auth.Secrets {
		all = append(all, secret{"auth.secrets" + index0(i), &c.Auth.Secrets[i]})
	}
	return append(all, secret{"metrics.token", &c.Metrics.Token})
}

// readSecrets puts the content of a file, without a final line end, in the place of each "file:/path".
func (c *Config) readSecrets(read func(path string, most int) ([]byte, error)) []Fault {
	var faults []Fault
	for _, s := range c.secrets() {
		path, inFile := strings.CutPrefix(*s.text, "file:")
		if !inFile {
			continue
		}
		text, err := []byte(nil), error(nil)
		if filepath.IsAbs(path) {
			text, err = read(path, maxSecret)
		} else {
			err = errors.New("want a whole path, like file:/etc/cordboard/secret")
		}
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = failed.Err // the path stands in the sentence already
		}
		if err != nil {
			faults = append(faults, Fault{Path: s.path, Problem: fmt.Sprintf("read file:%s: %v", path, err)})
			continue
		}
		*s.text = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	}
	return faults
}

package cert

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Authority gives the certificate of the local CA in a data folder as PEM, without its key; nil when there is none yet.
func Authority(dir string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, caFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the local CA: %w", err)
	}
	ca, err := parseAuthority(data)
	if err != nil {
		return nil, err
	}
	return ca.pem(), nil
}

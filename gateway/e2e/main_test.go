//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// workshop is a folder for what is built once and used by all tests.
var workshop string

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "cordboard-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "make a folder:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := writeFeatures(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.RemoveAll(workshop)
	os.Exit(code)
}

// buildGateway builds ./app once and gives the binary's path. CORDBOARD_E2E_BINARY
// names one that is there already; CORDBOARD_E2E_RACE=1 builds with the race detector, CORDBOARD_E2E_TAGS with more tags.
var buildGateway = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("CORDBOARD_E2E_BINARY"); binary != "" {
		return filepath.Abs(binary)
	}
	binary := filepath.Join(workshop, "cordboard")
	args := []string{"build", "-tags", "headless," + os.Getenv("CORDBOARD_E2E_TAGS"), "-o", binary}
	if os.Getenv("CORDBOARD_E2E_RACE") != "" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "cordboard/app")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return binary, nil
})

// buildClients bundles SIP.js and JsSIP once and gives the folder of the page.
var buildClients = sync.OnceValues(func() (string, error) {
	source, site := filepath.Join(workshop, "js"), filepath.Join(workshop, "site")
	if err := os.CopyFS(source, os.DirFS("testdata/js")); err != nil {
		return "", err
	}
	if err := os.Mkdir(site, 0o700); err != nil {
		return "", err
	}
	for _, step := range [][]string{
		{"npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"},
		{"node", "build.mjs", site},
	} {
		cmd := exec.Command(step[0], step[1:]...)
		cmd.Dir = source
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", step, err, out)
		}
	}
	return site, nil
})

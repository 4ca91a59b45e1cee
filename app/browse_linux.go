//go:build !headless && cgo

package main

import (
	"fmt"
	"os/exec"
	"syscall"

	"fyne.io/fyne/v2"
)

// browse opens an address in the browser. A shell between lets the opener, which may stay as long as the browser, be the system's child
// and not ours, and outlive us.
func browse(_ fyne.App, address string) error {
	if _, err := exec.LookPath("xdg-open"); err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	cmd := exec.Command("sh", "-c", `exec </dev/null >/dev/null 2>&1; xdg-open "$1" &`, "sh", address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	return nil
}

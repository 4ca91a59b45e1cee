//go:build !headless && cgo && !linux

package main

import (
	"fmt"
	"net/url"

	"fyne.io/fyne/v2"
)

// browse opens an address in the browser.
func browse(app fyne.App, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	if err := app.OpenURL(u); err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	return nil
}

//go:build !headless && cgo

package main

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"golang.org/x/sys/windows"
)

// swRestore has ShowWindow bring back a window that is minimised (winuser.h).
const swRestore = 9

var (
	user32     = windows.NewLazySystemDLL("user32.dll")
	isIconic   = user32.NewProc("IsIconic")
	showWindow = user32.NewProc("ShowWindow")
)

// restore brings a minimised window back, which showing it does not do here.
func restore(w fyne.Window) {
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return
	}
	native.RunNative(func(context any) {
		c, ok := context.(driver.WindowsWindowContext)
		if !ok || c.HWND == 0 {
			return
		}
		if minimised, _, _ := isIconic.Call(c.HWND); minimised != 0 {
			_, _, _ = showWindow.Call(c.HWND, swRestore) // gives whether it was visible before
		}
	})
}

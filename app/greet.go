package main

import (
	"fmt"
	"io"
	"strings"

	"cordboard/gateway"
)

// greet tells the person at the terminal where to go and what to try. It is no part of the log.
func greet(out io.Writer, hello gateway.Greeting, file, dir string) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nCordboard %q is ready.\n\n", hello.Name)
	label := "Page:"
	for _, address := range append(hello.Pages, hello.Plain...) {
		fmt.Fprintf(&b, "  %-10s%s\n", label, address)
		label = ""
	}
	if hello.LocalCA && len(hello.Pages) > 0 {
		fmt.Fprintf(&b, "  %-10s%s/trust   once on each device, so that its browser trusts this page\n", "Trust:", hello.Pages[0])
	}
	switch {
	case hello.Password != "":
		fmt.Fprintf(&b, "  %-10suser %s, one-time password %s\n", "Sign in:", hello.Account, hello.Password)
		fmt.Fprintf(&b, "  %-10sThe password is shown only now; the page asks you to choose your own.\n", "")
	case hello.Account != "":
		fmt.Fprintf(&b, "  %-10suser %s, with the one-time password shown at the first start\n", "Sign in:", hello.Account)
		fmt.Fprintf(&b, "  %-10sLost it? cordboard user password %s --generate --data %s\n", "", hello.Account, dir)
	}
	fmt.Fprintf(&b, "  %-10scall echo (hears you back) or tone\n", "Try:")
	if file != "" {
		fmt.Fprintf(&b, "  %-10s%s\n", "Settings:", file)
	}
	fmt.Fprintf(&b, "  %-10sCtrl-C\n\n", "Stop:")
	_, _ = io.WriteString(out, b.String()) // nobody there to read it is no reason to stop
}

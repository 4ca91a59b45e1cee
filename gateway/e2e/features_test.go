//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The clients of the table of features.
const (
	page        = "Cordboard's page"
	fox         = "the page in Firefox"
	jsSIP       = "JsSIP"
	sipJS       = "SIP.js"
	desk        = "desk phone (baresip)"
	sipTest     = "sipp"
	thisMachine = "this machine"
)

var tableClients = []string{page, fox, jsSIP, sipJS, desk, sipTest, thisMachine, window}

// features are what tests have proven: by feature and client, whether all that tried succeeded.
var features = struct {
	sync.Mutex
	order  []string
	proven map[string]map[string]bool
}{proven: make(map[string]map[string]bool)}

// proves notes that a test shows a feature with these clients. What it shows stands once it has passed.
func proves(t *testing.T, feature string, clients ...string) {
	t.Helper()
	t.Cleanup(func() {
		features.Lock()
		defer features.Unlock()
		if features.proven[feature] == nil {
			features.order = append(features.order, feature)
			features.proven[feature] = make(map[string]bool)
		}
		for _, client := range clients {
			before, known := features.proven[feature][client]
			features.proven[feature][client] = !t.Failed() && !t.Skipped() && (before || !known)
		}
	})
}

// featureTable is the table as Markdown.
func featureTable() string {
	features.Lock()
	defer features.Unlock()
	var b strings.Builder
	b.WriteString("# What works with which client\n\nMade by the tests in this folder, which run real programs and listen to the sound. " +
		"✓ is proven by each run; an empty field is not tried, or not the client's to do.\n\n| |")
	for _, client := range tableClients {
		fmt.Fprintf(&b, " %s |", client)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(tableClients)) + "\n")
	for _, feature := range slices.Sorted(slices.Values(features.order)) {
		fmt.Fprintf(&b, "| %s |", feature)
		for _, client := range tableClients {
			switch worked, tried := features.proven[feature][client]; {
			case worked:
				b.WriteString(" ✓ |")
			case tried:
				b.WriteString(" fails |")
			default:
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// writeFeatures writes the table where CORDBOARD_FEATURES says.
func writeFeatures() error {
	file := os.Getenv("CORDBOARD_FEATURES")
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, []byte(featureTable()), 0o644); err != nil {
		return fmt.Errorf("write the table of features: %w", err)
	}
	return nil
}

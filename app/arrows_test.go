package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the path that every package of ours begins with.
const module = "cordboard/"

// arrows says for each package which of ours it may import; a name that ends in "/" stands for all below it.
var arrows = []struct {
	pkg     string
	imports []string
}{
	{"app", []string{"app/", "gateway", "gateway/call", "gateway/cert/trust", "assets", "audio", "audio/device"}},
	{"app/autostart", []string{"app/launch"}},
	{"app/launch", nil},
	{"app/links", []string{"app/launch"}},
	{"app/ui", []string{"gateway/call", "assets", "app/ui/locale"}}, // icons and words
	{"app/ui/locale", nil},
	{"assets", nil},
	{"audio", nil},
	{"audio/codec", []string{"audio", "audio/vector"}},
	{"audio/device", []string{"audio"}},
	{"audio/echo", []string{"audio", "audio/codec"}},
	{"audio/jitter", []string{"audio", "audio/codec", "audio/vector"}},
	{"audio/vector", nil},
	{"discovery", nil},
	{"gateway", []string{"gateway/", "discovery", "audio", "audio/echo"}},
	{"gateway/auth", nil},
	{"gateway/call", []string{"gateway/sdp"}}, // a call.Party says which descriptions it speaks
	{"gateway/cert", nil},
	{"gateway/cert/trust", nil},
	{"gateway/desk", shared},
	{"gateway/guard", nil},
	{"gateway/locate", nil},
	{"gateway/nat", nil},
	{"gateway/presence", nil},
	{"gateway/sdp", nil},
	{"gateway/media", append([]string{"audio/jitter"}, shared...)}, // of legs that are sound cards
	{"gateway/recording", shared},
	{"gateway/metrics", shared},
	{"gateway/signaling", append([]string{"gateway/locate", "gateway/presence"}, shared...)}, // which nobody else needs
	{"gateway/neighbour", append([]string{"discovery"}, shared...)},                          // reads what is announced
	{"gateway/store", shared},
	{"gateway/turn", shared},
	{"gateway/web", shared},
	{"gateway/e2e", []string{"gateway/", "audio", "audio/"}},
	{"gateway/peertest", []string{"gateway/", "audio", "audio/"}},
}

// shared is what the parts of the gateway have in common. They never import one another.
var shared = []string{"gateway/call", "gateway/sdp", "gateway/auth", "gateway/cert", "gateway/guard", "gateway/nat", "audio", "audio/codec"}

// strangers are libraries that a package must not know: signaling knows no RTP, media no SIP.
var strangers = []struct{ pkg, library string }{
	{"gateway/signaling", "github.com/pion/"},
	{"gateway/web", "github.com/pion/"},
	{"gateway/web", "github.com/emiago/"},
	{"gateway/media", "github.com/emiago/"},
	{"gateway/store", "github.com/pion/"},
	{"gateway/auth", "github.com/"},
	{"gateway/call", "github.com/"},
	{"gateway/guard", "github.com/"},
	{"gateway/presence", "github.com/"},
	{"gateway/locate", "github.com/emiago/"},
	{"gateway/media", "github.com/prometheus/"},
	{"gateway/signaling", "github.com/prometheus/"},
	{"gateway/web", "github.com/prometheus/"},
}

// packages gives the direct imports of every package of the module, without those of tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	found := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatalf("list packages: %v", err)
		}
		found[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}

func TestImportsPointDown(t *testing.T) {
	for pkg, imports := range packages(t) {
		i := slices.IndexFunc(arrows, func(a struct {
			pkg     string
			imports []string
		}) bool {
			return a.pkg == pkg
		})
		if i < 0 {
			t.Errorf("package %s has no row in the table of arrows: say what it may import, or move it where it belongs", pkg)
			continue
		}
		for _, imported := range imports {
			ours, found := strings.CutPrefix(imported, module)
			if found && !slices.ContainsFunc(arrows[i].imports, func(a string) bool {
				return ours == a || strings.HasSuffix(a, "/") && strings.HasPrefix(ours, a)
			}) {
				t.Errorf("package %s imports %s, but may only import %s", pkg, ours, listed(arrows[i].imports))
			}
		}
		for _, s := range strangers {
			for _, imported := range imports {
				if s.pkg == pkg && strings.HasPrefix(imported, s.library) {
					t.Errorf("package %s imports %s, but is to know nothing of it", pkg, imported)
				}
			}
		}
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "the standard library and the protocol library it wraps"
	}
	return strings.Join(names, ", ")
}

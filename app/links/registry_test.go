package links

import (
	"fmt"
	"slices"
	"testing"

	"cordboard/app/launch"
)

// TestEntries are those that Windows documents for a program that opens links ("Default Programs", "Registering an Application to a URI Scheme").
func TestEntries(t *testing.T) {
	h := Handler{ID: "org.example.App", Name: "App", What: "Phone", Command: launch.Command{Path: `C:\My Apps\app.exe`, Args: []string{"--", launch.URL}}}
	const line = `"C:\My Apps\app.exe" -- "%1"`
	own := []string{
		`Software\Classes\org.example.App.link  = URL:App`,
		`Software\Classes\org.example.App.link URL Protocol = `,
		`Software\Classes\org.example.App.link\DefaultIcon  = "C:\My Apps\app.exe",0`,
		`Software\Classes\org.example.App.link\shell\open\command  = ` + line,
		`Software\App\Capabilities ApplicationName = App`,
		`Software\App\Capabilities ApplicationDescription = Phone`,
		`Software\App\Capabilities\URLAssociations tel = org.example.App.link`,
		`Software\App\Capabilities\URLAssociations sip = org.example.App.link`,
		`Software\App\Capabilities\URLAssociations sips = org.example.App.link`,
		`Software\App\Capabilities\URLAssociations callto = org.example.App.link`,
	}
	last := `Software\RegisteredApplications App = Software\App\Capabilities`
	for _, tt := range []struct {
		free []string
		more []string
	}{
		{nil, nil},
		{[]string{"sip"}, []string{`Software\Classes\sip  = URL:sip`, `Software\Classes\sip URL Protocol = `, `Software\Classes\sip\shell\open\command  = ` + line}},
	} {
		var got []string
		for _, e := range h.entries(tt.free) {
			got = append(got, fmt.Sprintf("%s %s = %s", e.key, e.name, e.value))
		}
		if want := append(slices.Concat(own, tt.more), last); !slices.Equal(got, want) {
			t.Errorf("with %q free it writes\n%q, want\n%q", tt.free, got, want)
		}
	}
}

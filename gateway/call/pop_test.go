package call

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestPop(t *testing.T) {
	caller := Caller{Number: "+4930123", Name: "Erika & Söhne", ID: "a1", To: "alice"}
	for _, tt := range []struct{ name, template, address, fault string }{
		{"all of them", "https://crm.example/find?number={number}&name={name}&call={id}&to={to}",
			"https://crm.example/find?number=%2B4930123&name=Erika%20%26%20S%C3%B6hne&call=a1&to=alice", ""},
		{"no scheme", "crm.example/{number}", "https://crm.example/%2B4930123", ""},
		{"http", "http://192.0.2.1:8080/#{name}", "http://192.0.2.1:8080/#Erika%20%26%20S%C3%B6hne", ""},
		{"nothing to fill in", "https://crm.example", "https://crm.example", ""},
		{"none", "", "", ""},
		{"another scheme", "file:///{name}", "", "begins with file:, want https or http"},
		{"a script", "javascript://x/{name}", "", "begins with javascript:, want https or http"},
		{"the host of the caller's choice", "https://{name}.example/", "", "has {name} in its host"},
		{"the port, too", "https://crm.example:{number}/", "", "has {number} in its host"},
		{"behind the host without a slash", "https://crm.example{number}", "", "has {number} in its host"},
		{"no host", "https:///{name}", "", "has no host"},
		{"a password", "https://a:b@crm.example/{name}", "", "has a user or a password"},
		{"unknown", "https://crm.example/{phone}", "", "has {phone}, but there is only {number}, {name}, {id}, {to}"},
		{"not closed", "https://crm.example/{number", "", "has a { without a }"},
		{"a space", "https://crm.example/ {number}", "", "has a space"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParsePop(tt.template)
			if tt.fault != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.fault) {
					t.Errorf("ParsePop = %v, want %s", err, tt.fault)
				}
				return
			}
			if got := p.Address(caller); err != nil || got != tt.address {
				t.Errorf("Address = %s, %v, want %s", got, err, tt.address)
			}
		})
	}
}

// FuzzPop states that no caller changes anything of an address but the values: scheme, host, folders, the names of parameters and the
// rest stay as they are for a caller of whom nothing is known but a letter.
func FuzzPop(f *testing.F) {
	f.Add("..", "../../admin")
	f.Add("a&b=c#d", "\r\nHost: evil.example")
	f.Add("%2e%2e", "@evil.example")
	f.Add("{name}", "\xff/?")
	const template = "https://crm.example:8443/o/{to}/{number}/find.html?n={number}&name={name}&x=1#{id}"
	p, err := ParsePop(template)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		address := p.Address(Caller{Number: a, Name: b, ID: a, To: b})
		u, err := url.Parse(address)
		if err != nil {
			t.Fatalf("%q, %q: %v", a, b, err)
		}
		if strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"'<>\\^`{|}", c) }) {
			t.Errorf("%q, %q: %q has a character that no address has", a, b, address)
		}
		if u.Scheme != "https" || u.Host != "crm.example:8443" || u.User != nil {
			t.Errorf("%q, %q: %q goes elsewhere", a, b, address)
		}
		folders := strings.Split(u.EscapedPath(), "/")
		if len(folders) != 5 || folders[1] != "o" || folders[4] != "find.html" || strings.Count(address, "#") != 1 || strings.Count(address, "?") != 1 {
			t.Errorf("%q, %q: %q has other folders", a, b, address)
		}
		for _, name := range folders[2:4] {
			if plain, err := url.PathUnescape(name); err != nil || plain != "" && path.Clean("/x/"+strings.ReplaceAll(plain, "/", "_")) != "/x/"+strings.ReplaceAll(plain, "/", "_") {
				t.Errorf("%q, %q: folder %q leads elsewhere", a, b, name)
			}
		}
		query, err := url.ParseQuery(u.RawQuery)
		if err != nil || len(query) != 3 || len(query["n"]) != 1 || len(query["name"]) != 1 || query.Get("x") != "1" {
			t.Errorf("%q, %q: %q has other parameters: %v", a, b, address, query)
		}
	})
}

package launch

import "testing"

func TestCommandLines(t *testing.T) {
	for _, tt := range []struct {
		name       string
		command    Command
		exec, line string
	}{
		{"plain", Command{"/usr/bin/cordboard", []string{"--hidden"}}, `/usr/bin/cordboard --hidden`, `"/usr/bin/cordboard" --hidden`},
		{"spaces", Command{"/home/a b/cordboard", []string{"--data", "/my data"}}, `"/home/a b/cordboard" --data "/my data"`, `"/home/a b/cordboard" --data "/my data"`},
		{"a link", Command{"/usr/bin/cordboard", []string{"--", URL}}, `/usr/bin/cordboard -- %u`, `"/usr/bin/cordboard" -- "%1"`},
		{"percent", Command{"/opt/50%u/cordboard", nil}, `/opt/50%%u/cordboard`, `"/opt/50%u/cordboard"`},
		{"what a shell obeys", Command{"/c", []string{"a`b$c\"d"}}, "/c \"a\\\\`b\\\\$c\\\\\"d\"", "\"/c\" \"a`b$c\\\"d\""},
		{"a backslash", Command{"/c", []string{`a\b`}}, `/c "a\\\\b"`, `"/c" a\b`},
		{"backslashes at the end", Command{`C:\Program Files\c.exe`, []string{`D:\my data\`}}, `"C:\\\\Program Files\\\\c.exe" "D:\\\\my data\\\\"`, `"C:\Program Files\c.exe" "D:\my data\\"`},
		{"nothing", Command{"/c", []string{""}}, `/c ""`, `"/c" ""`},
		{"a new line", Command{"/c", []string{"a\nHidden=true"}}, `/c "a\nHidden=true"`, "\"/c\" a\nHidden=true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.command.Exec(); got != tt.exec {
				t.Errorf("Exec = %s, want %s", got, tt.exec)
			}
			if got := tt.command.Line(); got != tt.line {
				t.Errorf("Line = %s, want %s", got, tt.line)
			}
		})
	}
}

func TestWithKeepsTheFirst(t *testing.T) {
	c := Command{"/c", make([]string, 1, 4)}
	a, b := c.With("a"), c.With("b")
	if a.Args[1] != "a" || b.Args[1] != "b" {
		t.Errorf("With = %q and %q", a.Args, b.Args)
	}
}

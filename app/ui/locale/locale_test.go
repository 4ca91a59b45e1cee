package locale

import "testing"

func TestUsable(t *testing.T) {
	for name, want := range map[string]string{
		"": "en_US.UTF-8", "C": "en_US.UTF-8", "C.UTF-8": "en_US.UTF-8", "POSIX": "en_US.UTF-8",
		"de_DE.UTF-8": "de_DE.UTF-8", "de_AT@euro": "de_AT@euro", "en_GB": "en_GB",
	} {
		if got := usable(name); got != want {
			t.Errorf("usable(%q) = %q, want %q", name, got, want)
		}
	}
}

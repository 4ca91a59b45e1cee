package signaling

import "testing"

func TestCallee(t *testing.T) {
	for _, tt := range []struct {
		dialed, want string
		number       bool
	}{
		{"200", "200", true},
		{"+49%2030%20(123)-45", "+493012345", true},
		{"030/123.45", "03012345", true},
		{"*72%23", "*72%23", true},
		{"alice", "alice", false},
		{"a.b-c", "a.b-c", false},
		{"", "", false},
		{"+", "+", false},
	} {
		got := callee(tt.dialed)
		if got != tt.want || IsNumber(got) != tt.number {
			t.Errorf("callee(%q) = %q, number %v; want %q, %v", tt.dialed, got, IsNumber(got), tt.want, tt.number)
		}
	}
}

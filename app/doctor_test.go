package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where nothing runs the doctor looks by itself, and leaves no trace.
func TestDoctorAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "cordboard.toml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[listen]\nhttps = \"127.0.0.1:0\"\nmedia = \"127.0.0.1:0\"\nsip = \"127.0.0.1:0\"\nrtp = \"31104-31107\"\n[audio]\nenabled = false\n[discovery]\nenabled = false\n" +
		"[[pbx]]\nname = \"office\"\nuri = \"sip:127.0.0.1:1;transport=tcp\"\nmode = \"trunk\"\nusername = \"t\"\npassword = \"trunk-secret\"\n")
	code, out, errOut := perform(t, "", "doctor", "--config", file, "--data", dir)
	for _, want := range []string{"No Cordboard runs here.", "WRONG  PBX office: 127.0.0.1 is on, but nothing answers at its port 1.", "well   Clock: ", "well   Data folder: ", " to mend.\n"} {
		if code != exitFault || !strings.Contains(out, want) || errOut != "" {
			t.Fatalf("code %d, printed\n%s%s\nwant %q", code, out, errOut, want)
		}
	}
	if strings.Contains(out, "trunk-secret") {
		t.Error("it tells a password")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
	write("nam = 1\n")
	if code, out, _ := perform(t, "", "doctor", "--config", file, "--data", dir); code != exitFault || !strings.Contains(out, "did you mean name?") {
		t.Errorf("a faulty file: code %d, printed\n%s", code, out)
	}
}

// Where one runs it is asked.
func TestDoctorAsks(t *testing.T) {
	answer := `{"findings":[{"what":"Clock","well":true,"text":"right."}]}`
	c := controlled(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/doctor" {
			fmt.Fprint(w, answer)
		}
	})
	if code, out, _ := perform(t, "", "doctor", "--data", c.dir); code != exitOK || out != "well   Clock: right.\nAll is well.\n" {
		t.Errorf("code %d, printed\n%s", code, out)
	}
	answer = `{"findings":[{"what":"Clock","text":"It is late.","do":"Set it."}]}`
	if code, out, _ := perform(t, "", "doctor", "--data", c.dir); code != exitFault || out != "WRONG  Clock: It is late. Set it.\n1 thing to mend.\n" {
		t.Errorf("code %d, printed\n%s", code, out)
	}
}

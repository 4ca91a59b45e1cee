//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refuser is a plugin of ALSA whose devices can't be opened, because of another program or for want of permission.
const refuser = `#include <errno.h>
char _busy_open_dlsym_pcm_001, _denied_open_dlsym_pcm_001;
int busy_open(void) { return -EBUSY; }
int denied_open(void) { return -EACCES; }
`

// A headset that another program has, or that we may not use, gives one sentence, and so does a machine without any; calls and all else
// work.
func TestHeadsetThatRefuses(t *testing.T) {
	dir := t.TempDir()
	source, plugin := filepath.Join(dir, "refuse.c"), filepath.Join(dir, "refuse.so")
	if err := os.WriteFile(source, []byte(refuser), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program(t, "cc"), "-shared", "-fPIC", "-o", plugin, source).CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v: %s", err, out)
	}
	if _, err := buildGateway(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(dir, "nobody"))
	for kind, want := range map[string]string{
		"busy":   `The microphone "Headset" is in use by another program. Close that program, or choose another microphone.`,
		"none":   `This machine has no sound card. Plug in a headset.`,
		"denied": `The microphone "Headset" is not allowed to Cordboard. Add the user that Cordboard runs as to the group audio.`,
	} {
		t.Run(kind, func(t *testing.T) {
			alsa := filepath.Join(dir, kind+".conf")
			text := "" // no device at all
			if kind != "none" {
				text = fmt.Sprintf("pcm_type.%s { lib %q open %s_open }\npcm.default { type %s hint { show on description \"Headset\" } }\n", kind, plugin, kind, kind)
			}
			if err := os.WriteFile(alsa, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("ALSA_CONFIG_PATH", alsa)
			g := startGateway(t, gatewayOptions{Users: []gatewayUser{alice}, Extra: "[audio]\nenabled = true\n"})
			d := &deskPhone{session: signIn(t, g, alice)}
			eventually(t, patience, "phone of the machine", func() bool {
				_, state := d.get(t, "/api/v1/desk")
				return state["ready"] == true || state["problem"] == want
			})
			code, made := d.post(t, "/api/v1/desk/calls", map[string]any{"target": "echo"})
			if kind == "none" {
				if code != http.StatusServiceUnavailable || made["message"] != want {
					t.Errorf("a call without sound gets %d %v", code, made)
				}
			} else if code != http.StatusCreated {
				t.Fatalf("call: %d %v", code, made)
			}
			var problem any
			if !within(patience, func() bool {
				_, state := d.get(t, "/api/v1/desk")
				problem = state["problem"]
				return problem == want
			}) {
				t.Errorf("the phone says %q, want %q", problem, want)
			}
			if out := g.devices(t); !strings.Contains(out, want) {
				t.Errorf("cordboard devices prints\n%swant %q in it", out, want)
			}
			if kind == "none" {
				return
			}
			d.with(t, "echo", "talking")
			d.does(t, made["id"].(string), "hangup", nil)
			d.wantFree(t)
		})
	}
}

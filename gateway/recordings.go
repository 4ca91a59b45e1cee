package gateway

import (
	"context"
	"fmt"

	"cordboard/gateway/media"
	"cordboard/gateway/recording"
)

// checkRecording finds rules of recording that could not be meant.
func (c *Config) checkRecording(check *checker) {
	check.part("recording", c.Recording.Validate())
	mode := func(path, value string) {
		if value != "" {
			check.oneOf(path, value, recording.Modes...)
		}
	}
	for i, u := range c.User {
		mode("user"+index0(i)+".record", u.Record)
	}
	for i, p := range c.PBX {
		mode("pbx"+index0(i)+".record", p.Record)
	}
}

// recordingRules say whose calls are recorded.
func (c *Config) recordingRules() recording.Rules {
	r := recording.Rules{Default: c.Recording.Enabled, Users: make(map[string]string), PBXs: make(map[string]string)}
	for _, u := range c.User {
		r.Users[u.Name] = u.Record
	}
	for _, p := range c.PBX {
		r.PBXs[p.Name] = p.Record
	}
	return r
}

// openRecordings makes what keeps recordings, with those of an earlier run.
func (g *Gateway) openRecordings(ctx context.Context, data string) (err error) {
	g.recordings, err = recording.New(ctx, g.cfg.Recording, g.cfg.recordingRules(), data, tape{g.media}, g.accounts.store, g.log)
	if err != nil {
		return fmt.Errorf("open recordings: %w", err)
	}
	return nil
}

// tape is the media engine as the keeper of recordings wants it.
type tape struct{ engine *media.Engine }

func (t tape) Record(ctx context.Context, call string, take recording.Take) error {
	return t.engine.Record(ctx, call, media.Recording(take))
}

func (t tape) Pause(call string, pause bool) error { return t.engine.Pause(call, pause) }

func (t tape) Repair(path string) error { return media.Repair(path) }

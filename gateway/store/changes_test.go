package store

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cordboard.db")
	synctest.Test(t, func(t *testing.T) {
		here, there := open(t, path), open(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		own, foreign := here.Changes(ctx), there.Changes(ctx)
		expect := func(what string, ticks <-chan struct{}, want bool) {
			t.Helper()
			synctest.Wait()
			select {
			case <-ticks:
				if !want {
					t.Errorf("%s: a tick", what)
				}
			default:
				if want {
					t.Errorf("%s: no tick", what)
				}
			}
		}
		put := func(name string) {
			t.Helper()
			if err := here.Put(ctx, user(t, name, "")); err != nil {
				t.Fatal(err)
			}
		}
		expect("at the start", own, false)
		put("alice")
		expect("own change", own, true)
		expect("foreign change at once", foreign, false)
		time.Sleep(pollChanges)
		expect("foreign change after a second", foreign, true)
		time.Sleep(10 * pollChanges)
		expect("own change, once", own, false)
		expect("foreign change, once", foreign, false)

		put("bob")
		put("carol")
		if err := here.Remove(ctx, "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pollChanges)
		expect("three changes", foreign, true)
		expect("three changes are one tick", foreign, false)
		expect("three own changes", own, true)
		expect("three own changes are one tick", own, false)

		if _, err := here.Secret(ctx, "session"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * pollChanges)
		expect("a secret is no account", foreign, false)

		cancel()
		if _, open := <-own; open {
			t.Error("a tick instead of the end")
		}
		forever := there.Changes(context.Background())
		if err := there.Close(); err != nil {
			t.Error(err)
		}
		if _, open := <-forever; open {
			t.Error("a tick instead of the end")
		}
		if _, open := <-there.Changes(context.Background()); open {
			t.Error("a tick of a closed store")
		}
	})
}

package recording

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cordboard/gateway/auth"
	"cordboard/gateway/call"
)

// How old recordings are deleted.
const (
	sweepEvery = time.Hour
	sweepBatch = 200
)

// List gives a page of the recordings that a user may hear, as call.Recordings has it; an administrator's are all.
func (k *Keeper) List(ctx context.Context, u auth.User, before time.Time, limit int) ([]call.Recording, error) {
	name := u.Name
	if u.Admin {
		name = ""
	}
	return k.store.Recordings(ctx, name, before, limit)
}

// find gives a recording that a user may hear, or call.ErrNoRecording.
func (k *Keeper) find(ctx context.Context, u auth.User, id string) (call.Recording, error) {
	r, err := k.store.Recording(ctx, id)
	if err != nil {
		return r, err
	}
	if !u.Admin && !slices.Contains(r.Users, u.Name) || r.Ended.IsZero() {
		return r, call.ErrNoRecording
	}
	return r, nil
}

// Open opens the file of a finished recording, for a user who took part or an administrator.
func (k *Keeper) Open(ctx context.Context, u auth.User, id string) (call.Recording, *os.File, error) {
	r, err := k.find(ctx, u, id)
	if err != nil {
		return r, nil, err
	}
	f, err := os.Open(filepath.Join(k.dir, r.File))
	if errors.Is(err, fs.ErrNotExist) {
		err = call.ErrNoRecording
	}
	return r, f, err
}

// Delete deletes a finished recording, for a user who took part or, if it was made by rule, only for an administrator.
func (k *Keeper) Delete(ctx context.Context, u auth.User, id string) error {
	r, err := k.find(ctx, u, id)
	if err != nil {
		return err
	}
	if r.Rule && !u.Admin {
		return call.ErrNotAllowed
	}
	if err := k.remove(ctx, r); err != nil {
		return err
	}
	k.log.Info("recording deleted", "call", r.ID, "file", r.File, "by", u.Name)
	return nil
}

// remove deletes file and row, the file first: a row without a file is found again.
func (k *Keeper) remove(ctx context.Context, r call.Recording) error {
	if err := os.Remove(filepath.Join(k.dir, r.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return k.store.ForgetRecording(ctx, r.ID)
}

// sweep deletes what is too old.
func (k *Keeper) sweep(ctx context.Context) {
	_, keep := k.how()
	for ctx.Err() == nil {
		old, err := k.store.OldRecordings(ctx, time.Now().Add(-keep), sweepBatch)
		for _, r := range old {
			if bad := k.remove(ctx, r); bad != nil {
				err = errors.Join(err, bad)
			}
		}
		if err != nil {
			k.log.Error("old recordings not deleted", "error", err)
			return
		}
		if len(old) == 0 {
			return
		}
		k.log.Info("old recordings deleted", "number", len(old))
	}
}

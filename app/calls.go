//go:build !headless && cgo

package main

import (
	"context"
	"log/slog"

	"cordboard/gateway"
	"cordboard/gateway/call"
)

// calls does for the window what the gateway does with calls, beside its phone.
type calls struct {
	gateway *gateway.Gateway
	log     *slog.Logger
}

// Take implements ui.Calls.
func (c *calls) Take(id string) error {
	ctx := context.Background()
	owner, err := c.gateway.Owner(ctx)
	if err != nil {
		return err
	}
	return c.gateway.Take(id, owner)
}

// Record implements ui.Calls.
func (c *calls) Record(id string, on bool) error {
	ctx := context.Background()
	owner, err := c.gateway.Owner(ctx)
	if err == nil {
		err = c.gateway.Record(ctx, id, owner, on)
	}
	if err != nil {
		c.log.Warn("recording not switched", "call", id, "on", on, "error", err)
		return &call.DeskFault{Code: "not_now", Message: "This call can't be recorded."}
	}
	return nil
}

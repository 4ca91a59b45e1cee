package main

import (
	"io"
	"log/slog"

	"cordboard/gateway"
)

// newLog makes the program's log; its level can be changed while it runs.
func newLog(out io.Writer, cfg gateway.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(cfg.SlogLevel())
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options)), level
	}
	return slog.New(slog.NewTextHandler(out, options)), level
}

package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// reporter shows progress as plain lines.
type reporter struct {
	mu    sync.Mutex
	w     io.Writer
	level progress.Level
}

func newReporter(a *app) progress.Reporter {
	level := progress.Level(a.verbose)
	if a.quiet {
		level = progress.Warn
	}
	return &reporter{w: a.stderr, level: level}
}

func (r *reporter) Message(l progress.Level, text string) {
	if l > r.level {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.w, text)
}

func (r *reporter) Task(name string, _ int64) progress.Task {
	r.Message(progress.Debug, name)
	return progress.Discard.Task(name, 0)
}

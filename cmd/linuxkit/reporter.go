package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// reporter shows what work has to say: messages as plain lines, or as
// structured ones if a level was asked for; transfers as bars on a terminal,
// and as a line at their end elsewhere.
type reporter struct {
	mu         sync.Mutex
	w          io.Writer
	level      progress.Level
	structured *slog.Logger
	bars       *bars // nil if w is not a terminal
}

func newReporter(a *app, structured bool) *reporter {
	r := &reporter{w: a.stderr, level: progress.Level(a.verbose)}
	if a.quiet {
		r.level = progress.Warn
	}
	if structured {
		r.structured = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slogTrace, ReplaceAttr: nameLevel}))
	}
	if f, ok := a.stderr.(*os.File); ok && !a.quiet && !structured && term.IsTerminal(int(f.Fd())) {
		r.bars = &bars{w: a.stderr, width: func() int { return terminalWidth(f) }}
	}
	return r
}

func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 20 {
		return 80
	}
	return width
}

// slogTrace is below what package slog has a name for.
const slogTrace = slog.LevelDebug - 4

// nameLevel writes levels in the words that readers of these logs know.
func nameLevel(_ []string, attr slog.Attr) slog.Attr {
	if level, ok := attr.Value.Any().(slog.Level); ok && attr.Key == slog.LevelKey {
		attr.Value = slog.StringValue(levelNames[level])
	}
	return attr
}

var levelNames = map[slog.Level]string{
	slog.LevelWarn: "warning", slog.LevelInfo: "info", slog.LevelDebug: "debug", slogTrace: "trace",
}

var slogLevels = map[progress.Level]slog.Level{
	progress.Warn: slog.LevelWarn, progress.Info: slog.LevelInfo,
	progress.Debug: slog.LevelDebug, progress.Trace: slogTrace,
}

// Message implements [progress.Reporter].
func (r *reporter) Message(l progress.Level, text string) {
	if l > r.level {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.structured != nil:
		r.structured.Log(context.Background(), slogLevels[l], text)
	case r.bars != nil:
		r.bars.print(text)
	case l == progress.Warn:
		fmt.Fprintln(r.w, "warning: "+text)
	default:
		fmt.Fprintln(r.w, text)
	}
}

// Task implements [progress.Reporter].
func (r *reporter) Task(name string, total int64) progress.Task {
	t := &task{r: r, name: name, total: total, began: time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bars != nil && r.level >= progress.Info {
		t.name = shortDigests(name)
		r.bars.add(&r.mu, t)
	}
	return t
}

var longDigest = regexp.MustCompile(`\b(sha\d+:[0-9a-f]{12})[0-9a-f]{20,}`)

// shortDigests leaves of digests what tells them apart on a screen, so that
// there is room for what else is told.
func shortDigests(text string) string { return longDigest.ReplaceAllString(text, "$1") }

// task is one piece of announced work. Its fields are guarded by the lock of
// its reporter.
type task struct {
	r           *reporter
	name        string
	done, total int64
	began       time.Time
	ended       bool
}

// Add implements [progress.Task].
func (t *task) Add(n int64) {
	t.r.mu.Lock()
	t.done += n
	t.r.mu.Unlock()
}

// Done implements [progress.Task].
func (t *task) Done(err error) {
	t.r.mu.Lock()
	if t.ended {
		t.r.mu.Unlock()
		return
	}
	t.ended = true
	if t.r.bars != nil {
		t.r.bars.remove(t)
	}
	t.r.mu.Unlock()
	if err == nil {
		t.r.Message(progress.Info, fmt.Sprintf("%s: %s in %.1f s", t.name, byteSize(t.done), time.Since(t.began).Seconds()))
	}
}

// byteSize writes a number of bytes for people.
func byteSize(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", value, units[unit])
}

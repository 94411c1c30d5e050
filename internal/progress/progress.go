// Package progress carries what long work has to say to whoever shows it.
//
// Code below cmd/ never prints: it reports to the [Reporter] of its context,
// and the command decides whether that becomes a bar, a plain line, a
// structured record or nothing. A context without a reporter discards all.
package progress

import (
	"context"
	"fmt"
)

// Level orders messages by how much detail a user must have asked for.
type Level int

// The levels, most important first.
const (
	Warn Level = iota
	Info
	Debug
	Trace
)

// Reporter receives messages and tasks. Implementations are safe for
// concurrent use.
type Reporter interface {
	// Message reports one line of text, without a final newline.
	Message(l Level, text string)
	// Task announces work with a length, such as a transfer. Total is in
	// bytes, zero or less if it is not known.
	Task(name string, total int64) Task
}

// Task is one piece of announced work.
type Task interface {
	// Add reports n more bytes done.
	Add(n int64)
	// Done ends the task. A nil error means it was completed.
	Done(err error)
}

type contextKey struct{}

// With returns a context whose work is reported to r.
func With(ctx context.Context, r Reporter) context.Context {
	return context.WithValue(ctx, contextKey{}, r)
}

// From returns the reporter of ctx, or one that discards everything.
func From(ctx context.Context) Reporter {
	if r, ok := ctx.Value(contextKey{}).(Reporter); ok {
		return r
	}
	return Discard
}

// Infof reports a message of level [Info].
func Infof(ctx context.Context, format string, args ...any) {
	From(ctx).Message(Info, fmt.Sprintf(format, args...))
}

// Warnf reports a message of level [Warn].
func Warnf(ctx context.Context, format string, args ...any) {
	From(ctx).Message(Warn, fmt.Sprintf(format, args...))
}

// Debugf reports a message of level [Debug].
func Debugf(ctx context.Context, format string, args ...any) {
	From(ctx).Message(Debug, fmt.Sprintf(format, args...))
}

// Discard is the reporter that shows nothing.
var Discard Reporter = discard{}

type discard struct{}

func (discard) Message(Level, string)   {}
func (discard) Task(string, int64) Task { return discard{} }
func (discard) Add(int64)               {}
func (discard) Done(error)              {}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/progress"
)

const jsonTransferUsage = "write what was transferred to standard output as JSON"

// transfer is the pulling, pushing, importing or exporting of one image.
type transfer struct {
	ctx context.Context
	out io.Writer // for lines that tell what happens
	transferred
}

// transferred is an element of --json.
type transferred struct {
	Name  string       `json:"name"`
	Blobs atomic.Int64 `json:"-"`
	Bytes atomic.Int64 `json:"-"`
}

// MarshalJSON writes the numbers of now.
func (t *transferred) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name  string `json:"name"`
		Blobs int64  `json:"blobs"`
		Bytes int64  `json:"bytes"`
	}{t.Name, t.Blobs.Load(), t.Bytes.Load()})
}

// errNoLine ends a task whose end is not worth a line.
var errNoLine = errors.New("done")

// eachTransfer runs one transfer after the other. As JSON it tells, instead of
// lines, how many blobs and bytes each took; what was there already does not
// count. With lines the end of each blob is told.
func (a *app) eachTransfer(cmd *cobra.Command, names []string, asJSON, lines bool, run func(t *transfer, name string) error) error {
	done := []*transferred{}
	for _, name := range names {
		t := &transfer{out: a.stdout, transferred: transferred{Name: name}}
		if asJSON {
			t.out = io.Discard
		}
		t.ctx = progress.With(cmd.Context(), &countingReporter{progress.From(cmd.Context()), &t.transferred, lines})
		if err := run(t, name); err != nil {
			return err
		}
		done = append(done, &t.transferred)
	}
	if !asJSON {
		return nil
	}
	return writeJSON(a.stdout, done)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// countingReporter counts what tasks do.
type countingReporter struct {
	progress.Reporter
	sum   *transferred
	lines bool
}

func (c *countingReporter) Task(name string, total int64) progress.Task {
	return &countedTask{c.Reporter.Task(name, total), c.sum, c.lines}
}

type countedTask struct {
	progress.Task
	sum   *transferred
	lines bool
}

func (t *countedTask) Add(n int64) {
	t.sum.Bytes.Add(n)
	t.Task.Add(n)
}

func (t *countedTask) Done(err error) {
	if err == nil {
		t.sum.Blobs.Add(1)
		if !t.lines {
			err = errNoLine
		}
	}
	t.Task.Done(err)
}

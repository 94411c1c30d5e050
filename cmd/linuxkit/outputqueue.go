package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// outputQueue lets several jobs write at a time and shows their output one
// after the other: that of the first unfinished job at once, that of later
// ones when their turn comes.
type outputQueue struct {
	mu       sync.Mutex
	out      io.Writer
	turn     int
	held     []bytes.Buffer
	finished []bool
}

func newOutputQueue(out io.Writer, n int) *outputQueue {
	return &outputQueue{out: out, held: make([]bytes.Buffer, n), finished: make([]bool, n)}
}

// writer returns where job i writes.
func (q *outputQueue) writer(i int) io.Writer { return queueWriter{q, i} }

type queueWriter struct {
	q *outputQueue
	i int
}

func (w queueWriter) Write(p []byte) (int, error) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.i == w.q.turn {
		return w.q.out.Write(p)
	}
	return w.q.held[w.i].Write(p)
}

// done ends job i and shows what its successors have written.
func (q *outputQueue) done(i int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finished[i] = true
	for q.turn < len(q.finished) && q.finished[q.turn] {
		q.turn++
		if q.turn < len(q.held) {
			q.held[q.turn].WriteTo(q.out) // an error shows at the next write
		}
	}
}

// inOrder runs n jobs, as many at a time as there are processors. What they
// write appears as if they had run one after the other, and so does the error:
// it is that of the first job to fail of its own accord.
func inOrder(ctx context.Context, out io.Writer, n int, job func(ctx context.Context, i int, out io.Writer) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	queue := newOutputQueue(out, n)
	errs := make([]error, n)
	for i := range n {
		group.Go(func() error {
			defer queue.done(i)
			if inner.Err() == nil {
				errs[i] = job(inner, i, queue.writer(i))
			}
			return errs[i]
		})
	}
	if err := group.Wait(); err == nil {
		return ctx.Err()
	}
	return firstError(errs)
}

func firstError(errs []error) error {
	var canceled error
	for _, err := range errs {
		switch {
		case errors.Is(err, context.Canceled):
			canceled = err
		case err != nil:
			return err
		}
	}
	return canceled
}

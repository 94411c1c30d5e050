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

// inOrder runs jobs, as many at a time as there are processors, each after those
// that it needs; these must not need each other. What they write appears as if
// they had run one after the other, and so does the error: it is that of the
// first job to fail of its own accord.
func inOrder(ctx context.Context, out io.Writer, needs [][]int, job func(ctx context.Context, i int, out io.Writer) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	queue := newOutputQueue(out, len(needs))
	errs := make([]error, len(needs))
	done := make([]chan struct{}, len(needs))
	for i := range done {
		done[i] = make(chan struct{})
	}
	// What is needed starts before what needs it, so that the latter may wait.
	for _, i := range startOrder(needs) {
		group.Go(func() error {
			defer queue.done(i)
			for _, n := range needs[i] {
				select {
				case <-done[n]:
				case <-inner.Done():
				}
			}
			if inner.Err() == nil {
				errs[i] = job(inner, i, queue.writer(i))
			}
			if errs[i] == nil {
				close(done[i])
			}
			return errs[i]
		})
	}
	if err := group.Wait(); err == nil {
		return ctx.Err()
	}
	return firstError(errs)
}

// startOrder puts every job behind those that it needs.
func startOrder(needs [][]int) []int {
	var order []int
	seen := make([]bool, len(needs))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, n := range needs[i] {
			visit(n)
		}
		order = append(order, i)
	}
	for i := range needs {
		visit(i)
	}
	return order
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

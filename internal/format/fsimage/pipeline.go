package fsimage

import (
	"errors"
	"runtime"
	"sync"
)

// Pipeline works on jobs in parallel and commits them one at a time in the
// order in which they were submitted, so that what comes out does not depend
// on the number of workers. Its memory is bounded: Submit waits when twice as
// many jobs as workers are under way.
type Pipeline[J any] struct {
	queue  chan *ticket[J]
	work   chan *ticket[J]
	group  sync.WaitGroup
	mu     sync.Mutex
	err    error
	closed bool
}

type ticket[J any] struct {
	job  J
	done chan error
}

var errClosed = errors.New("the image is closed already")

// Workers returns how many workers to have if n are asked for: as many as
// there are cores if n is not positive, and at most limit.
func Workers(n, limit int) int {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return max(min(n, limit), 1)
}

// NewPipeline starts workers. Each calls start once and then the function
// that start returned for its jobs. Close has to be called to end them.
func NewPipeline[J any](workers int, start func() func(J) error, commit func(J) error) *Pipeline[J] {
	p := &Pipeline[J]{queue: make(chan *ticket[J], workers), work: make(chan *ticket[J], workers)}
	for range workers {
		p.group.Go(func() { p.run(start()) })
	}
	p.group.Go(func() { p.commit(commit) })
	return p
}

func (p *Pipeline[J]) run(do func(J) error) {
	for t := range p.work {
		t.done <- do(t.job)
	}
}

func (p *Pipeline[J]) commit(commit func(J) error) {
	for t := range p.queue {
		err := <-t.done
		if err == nil && p.failed() == nil {
			err = commit(t.job)
		}
		p.fail(err)
	}
}

func (p *Pipeline[J]) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *Pipeline[J]) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Submit hands in a job. It returns the first error of any job so far; the
// jobs after that one are not committed.
func (p *Pipeline[J]) Submit(job J) error {
	if p.closed {
		return errClosed
	}
	t := &ticket[J]{job: job, done: make(chan error, 1)}
	p.work <- t
	p.queue <- t
	return p.failed()
}

// Close waits for all jobs, ends the workers and returns the first error.
func (p *Pipeline[J]) Close() error {
	if !p.closed {
		p.closed = true
		close(p.work)
		close(p.queue)
		p.group.Wait()
	}
	return p.failed()
}

// Package reap starts children in a process that also has to reap the children
// of others.
//
// PID 1 and every child subreaper inherit orphans. Waiting for all children and
// waiting for one of them contend for the same exit status, so one goroutine
// here does all waiting and hands the statuses out. A process uses either this
// package or os/exec, never both.
package reap

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Reaper collects the children of this process.
type Reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
	idle    *sync.Cond // signalled when a collection found no children left
	none    bool
}

// Start begins to reap. It goes on for the life of the process.
func Start() *Reaper {
	r := &Reaper{waiting: map[int]chan syscall.WaitStatus{}}
	r.idle = sync.NewCond(&r.mu)
	// One pending signal is enough: a collection takes all that have ended.
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, syscall.SIGCHLD)
	go func() {
		for range exits {
			r.collect()
		}
	}()
	r.collect()
	return r
}

// collect takes the status of every child that has ended.
func (r *Reaper) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			r.none = errors.Is(err, syscall.ECHILD)
			r.idle.Broadcast()
			return
		}
		if c, ok := r.waiting[pid]; ok {
			c <- status
			delete(r.waiting, pid)
		}
	}
}

// Run starts a program and returns its status when it has ended. The child has
// the standard streams, the environment and the directory of this process.
func (r *Reaper) Run(path string, argv []string) (syscall.WaitStatus, error) {
	_, done, err := r.Spawn(path, argv)
	if err != nil {
		return 0, err
	}
	return <-done, nil
}

// Spawn starts a program as Run does and returns at once with its process
// number and a channel that gets its status.
func (r *Reaper) Spawn(path string, argv []string) (int, <-chan syscall.WaitStatus, error) {
	// The lock is held over the fork, or the child could be collected before
	// anybody is known to wait for it.
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, nil, &os.PathError{Op: "start", Path: path, Err: err}
	}
	r.none = false
	done := make(chan syscall.WaitStatus, 1)
	r.waiting[pid] = done
	return pid, done, nil
}

// WaitAll returns when this process has no children left, adopted ones included.
func (r *Reaper) WaitAll() {
	r.collect()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.none {
		r.idle.Wait()
	}
}

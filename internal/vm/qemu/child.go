package qemu

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// child is a QEMU that runs.
type child struct {
	cmd      *exec.Cmd
	monitor  *monitor      // nil where there is none
	exited   chan struct{} // closed after err is set
	err      error
	panicked chan struct{} // closed when the guest's kernel has
	restore  func()        // puts the terminal back

	mu       sync.Mutex
	reason   string // of the panic
	shutdown string // reason of QEMU's end, as it told
	lastLine string // of its error output
}

// start starts QEMU. The returned child has to be awaited.
func start(p *setup, args []string, stdio Stdio) (*child, error) {
	q := &child{
		cmd: exec.Command(p.binary, args...), exited: make(chan struct{}),
		panicked: make(chan struct{}), restore: func() {},
	}
	q.cmd.WaitDelay = time.Second // of input that is not a file
	q.cmd.Stderr = &watcher{w: writer(stdio.Err), line: q.sawError}
	q.cmd.SysProcAttr = procAttr(true)
	if !p.GUI {
		q.connectConsole(stdio)
	}
	theirs, err := q.connectMonitor(p.control)
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go q.live(started)
	err = <-started
	theirs.Close()
	if err == nil && q.monitor != nil {
		go q.monitor.greet()
	}
	return q, err
}

func writer(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// live starts QEMU and waits for its end on one thread, which QEMU's life
// hangs on: the kernel signals it when its parent thread dies.
func (q *child) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := q.cmd.Start()
	started <- err
	if err == nil {
		q.err = q.cmd.Wait()
	}
	q.restore()
	q.hearOut()
	close(q.exited)
}

// hearOut waits for the last that QEMU had to tell.
func (q *child) hearOut() {
	if q.monitor == nil {
		return
	}
	select {
	case <-q.monitor.closed:
	case <-time.After(time.Second):
	}
	q.monitor.conn.Close()
}

// connectConsole connects the standard streams. QEMU stays in the process
// group that a terminal serves: it switches off the signal of Ctrl-C, and a
// process of another group may not read from it.
func (q *child) connectConsole(stdio Stdio) {
	q.cmd.Stdin = stdio.In
	q.cmd.Stdout = &watcher{w: writer(stdio.Out), line: q.sawConsole}
	f, ok := stdio.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	q.cmd.SysProcAttr = procAttr(false)
	if before, err := term.GetState(int(f.Fd())); err == nil {
		q.restore = func() { term.Restore(int(f.Fd()), before) }
	}
}

// connectMonitor returns the file to close once QEMU has it.
func (q *child) connectMonitor(control bool) (io.Closer, error) {
	if !control {
		return io.NopCloser(nil), nil
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, err
	}
	q.cmd.ExtraFiles = []*os.File{theirs}
	q.monitor = newMonitor(ours, q.sawEvent)
	return theirs, nil
}

func (q *child) sawError(line string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if line = strings.TrimSpace(line); line != "" {
		q.lastLine = line
	}
}

func (q *child) sawConsole(line string) {
	if reason, found := panicReason(line); found {
		q.sawPanic(reason)
	}
}

func (q *child) sawEvent(e event) {
	switch e.Name {
	case "GUEST_PANICKED":
		q.sawPanic("")
	case "SHUTDOWN":
		q.mu.Lock()
		q.shutdown = e.Data.Reason
		q.mu.Unlock()
	}
}

func (q *child) sawPanic(reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.panicked:
	default:
		close(q.panicked)
	}
	if q.reason == "" {
		q.reason = reason
	}
}

// verdict turns the end of QEMU into an error. Stopped tells that this process
// ended it.
func (q *child) verdict(stopped bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.panicked:
		return q.panicError()
	default:
	}
	switch {
	case stopped:
		return ErrStopped
	case q.err != nil && !isWaitDelay(q.err):
		return q.failure()
	case q.shutdown == "host-signal":
		return fmt.Errorf("%w: QEMU was told to end by a signal", ErrStopped)
	}
	return nil
}

func (q *child) panicError() error {
	if q.reason == "" {
		return ErrPanic
	}
	return fmt.Errorf("%w: %s", ErrPanic, q.reason)
}

func (q *child) failure() error {
	name := filepath.Base(q.cmd.Path)
	if q.lastLine == "" {
		return fmt.Errorf("%w: %s: %v", ErrQEMU, name, q.err)
	}
	return fmt.Errorf("%w: %s: %v: %s", ErrQEMU, name, q.err, strings.TrimPrefix(q.lastLine, name+": "))
}

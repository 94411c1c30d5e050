package qemu

import (
	"context"
	"errors"
	"os/exec"
	"time"

	"github.com/linuxkit/linuxkit/internal/progress"
)

const (
	powerAfter = 10 * time.Second // from Ctrl-Alt-Del to the power button
	killAfter  = 5 * time.Second  // at most, from "quit" to the kill
)

func isWaitDelay(err error) bool { return errors.Is(err, exec.ErrWaitDelay) }

// await waits for the end, brings it about when ctx has ended or the guest has
// panicked, and says how it was.
func (q *child) await(ctx context.Context, grace time.Duration, force <-chan struct{}) error {
	select {
	case <-q.exited:
		return q.verdict(false)
	case <-q.panicked:
		q.end(min(grace, killAfter))
		return q.verdict(false)
	case <-ctx.Done():
	}
	if q.shutDown(ctx, grace, force) {
		return q.verdict(false)
	}
	q.end(min(grace, killAfter))
	return q.verdict(true)
}

// shutDown asks the guest to shut down and tells whether QEMU has ended.
func (q *child) shutDown(ctx context.Context, grace time.Duration, force <-chan struct{}) bool {
	if q.monitor == nil {
		return false
	}
	progress.Infof(ctx, "Asking the guest to shut down; interrupt again to stop it at once")
	go q.ask(ctx)
	select {
	case <-q.exited:
		return true
	case <-q.panicked:
	case <-force:
	case <-time.After(grace):
		progress.Warnf(ctx, "The guest did not shut down within %v, stopping it", grace)
	}
	return false
}

// ask presses what makes guests shut down: Ctrl-Alt-Del, which Linux hands to
// its init and which is a reboot, here the end; later the power button, for
// guests that listen to that only.
func (q *child) ask(ctx context.Context) {
	err := q.monitor.endOnReset()
	if err == nil {
		err = q.monitor.pressCtrlAltDel()
	}
	if err != nil {
		progress.Debugf(ctx, "%v", err)
	}
	select {
	case <-q.exited:
	case <-time.After(powerAfter):
		if err := q.monitor.pressPower(); err != nil {
			progress.Debugf(ctx, "%v", err)
		}
	}
}

// end ends QEMU, which gets the chance to write its disks back, for as long as
// patience lasts.
func (q *child) end(patience time.Duration) {
	if q.monitor == nil {
		q.cmd.Process.Kill()
	} else {
		go q.monitor.quit()
	}
	select {
	case <-q.exited:
		return
	case <-time.After(patience):
	}
	q.cmd.Process.Kill()
	<-q.exited
}

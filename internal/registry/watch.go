package registry

import (
	"context"
	"errors"
	"time"
)

var errStalled = errors.New("the registry stood still for too long")

// watch cancels a transfer that stands still.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func newWatch(ctx context.Context) (context.Context, *watch) {
	w := &watch{limit: stall}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	// Until the first byte the transport waits, not we.
	w.timer = time.AfterFunc(time.Hour, func() { w.cancel(errStalled) })
	return w.ctx, w
}

// alive says that something moved.
func (w *watch) alive() { w.timer.Reset(w.limit) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// cause replaces the error of a transfer that was cancelled for standing still.
func (w *watch) cause(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return errStalled
	}
	return err
}

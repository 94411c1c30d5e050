package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/vm"
)

// How a machine can end badly.
var (
	ErrPanic   = errors.New("the guest's kernel panicked")
	ErrStopped = errors.New("the guest was stopped before it had shut down")
	ErrQEMU    = errors.New("QEMU failed")
)

// Stdio is what a machine is connected to.
type Stdio struct {
	In       io.Reader // the guest's console; a terminal is switched to raw mode
	Out, Err io.Writer // the console, QEMU's own messages
	// Force, when it is closed, cuts the waiting for the guest's shutdown
	// short. It may be nil.
	Force <-chan struct{}
}

// Run starts the machine and waits for its end. A guest that switched itself
// off is no error; see [ErrPanic], [ErrStopped] and [ErrQEMU] for the rest.
// When ctx ends the guest is asked to shut down, which is no error either if
// it does.
func Run(ctx context.Context, c Config, stdio Stdio) error {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return err
	}
	p, err := prepare(ctx, c)
	if err != nil {
		return err
	}
	state, err := vm.OpenState(c.State)
	if err != nil {
		return err
	}
	defer state.Close()
	if err := p.place(ctx, state); err != nil {
		return err
	}
	return p.run(ctx, stdio)
}

func (p *setup) run(ctx context.Context, stdio Stdio) error {
	if err := createAll(ctx, p.drives); err != nil {
		return err
	}
	stopShares, err := startShares(ctx, p, stdio)
	if err != nil {
		return err
	}
	defer stopShares()
	args := p.args()
	progress.Debugf(ctx, "%s %s", p.binary, strings.Join(args, " "))
	q, err := start(p, args, stdio)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.binary, err)
	}
	return q.await(ctx, p.Grace, stdio.Force)
}

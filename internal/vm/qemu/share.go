package qemu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// socketWait is how long a virtiofsd may take until it listens.
const socketWait = 10 * time.Second

// share serves one directory of the host to the guest.
type share struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // after exited
}

// startShares starts a virtiofsd for each shared directory. The function it
// returns ends them all.
func startShares(ctx context.Context, p *setup, stdio Stdio) (stop func(), err error) {
	var shares []*share
	stop = func() {
		for _, s := range shares {
			s.stop()
		}
	}
	for i, socket := range p.sockets {
		s, err := startShare(ctx, p.Config, p.Shares[i], socket, stdio)
		if err != nil {
			stop()
			return nil, fmt.Errorf("sharing directory %s: %w", p.Shares[i], err)
		}
		shares = append(shares, s)
	}
	return stop, nil
}

func startShare(ctx context.Context, c Config, dir, socket string, stdio Stdio) (*share, error) {
	bin, err := c.findVirtiofsd()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(socket); err != nil {
		return nil, err
	}
	s := &share{cmd: exec.Command(bin, virtiofsdArgs(ctx, bin, dir, socket)...), exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = stdio.Err, stdio.Err, procAttr(true)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go s.reap()
	if err := s.await(ctx, socket); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// virtiofsdArgs tells the daemon written in Rust from QEMU's old one, which
// knows the directory by another option.
func virtiofsdArgs(ctx context.Context, bin, dir, socket string) []string {
	help, _ := exec.CommandContext(ctx, bin, "--help").CombinedOutput()
	if bytes.Contains(help, []byte("--shared-dir")) {
		return []string{"--socket-path=" + socket, "--shared-dir=" + dir}
	}
	return []string{"--socket-path=" + socket, "-o", "source=" + escape(dir)}
}

func (s *share) reap() {
	s.err = s.cmd.Wait()
	close(s.exited)
}

// await waits until the daemon listens.
func (s *share) await(ctx context.Context, socket string) error {
	late := time.After(socketWait)
	for {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.exited:
			return fmt.Errorf("%s ended at once: %v", s.cmd.Path, s.err)
		case <-late:
			return fmt.Errorf("%s does not listen on %s", s.cmd.Path, socket)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *share) stop() {
	s.cmd.Process.Kill()
	<-s.exited
}

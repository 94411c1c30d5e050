package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// sshArgs are the arguments for the ssh program to reach the engine of an
// ssh://[user@]host[:port] address.
func sshArgs(host string) ([]string, error) {
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%q is not written as ssh://[user@]host[:port]", host)
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password in the address is not used; set up a key")
	}
	args := []string{"-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-T"}
	if u.User.Username() != "" {
		args = append(args, "-l", u.User.Username())
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	return append(args, "--", u.Hostname(), "docker", "system", "dial-stdio"), nil
}

// dialSSH connects to an engine through the ssh program, as docker does.
func dialSSH(ctx context.Context, host string) (net.Conn, error) {
	args, err := sshArgs(host)
	if err != nil {
		return nil, err
	}
	// The connection outlives the request that opened it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(ctx, "ssh", args...)
	c := &stdioConn{host: host, cancel: cancel, wait: sync.OnceValue(cmd.Wait)}
	cmd.Stderr = &c.complaint
	if c.in, err = cmd.StdinPipe(); err == nil {
		c.out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("run ssh: %w", err)
	}
	return c, nil
}

// stdioConn is a connection over the standard streams of a process.
type stdioConn struct {
	host      string
	in        io.WriteCloser
	out       io.Reader
	complaint tail
	cancel    func()
	wait      func() error
}

func (c *stdioConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err != nil && n == 0 {
		if text := c.complaint.String(); text != "" {
			err = fmt.Errorf("ssh: %s", text)
		}
	}
	return n, err
}

func (c *stdioConn) Write(p []byte) (int, error) { return c.in.Write(p) }

func (c *stdioConn) Close() error {
	c.in.Close()
	c.cancel()
	_ = c.wait() // it was killed
	return nil
}

func (c *stdioConn) LocalAddr() net.Addr              { return stdioAddr("local") }
func (c *stdioConn) RemoteAddr() net.Addr             { return stdioAddr(c.host) }
func (c *stdioConn) SetDeadline(time.Time) error      { return nil }
func (c *stdioConn) SetReadDeadline(time.Time) error  { return nil }
func (c *stdioConn) SetWriteDeadline(time.Time) error { return nil }

type stdioAddr string

func (stdioAddr) Network() string  { return "ssh" }
func (a stdioAddr) String() string { return string(a) }

// tail keeps the beginning of what ssh complains about.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() < 4096 {
		t.text.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.text.String())
}

// Package boot_test builds systems from source and boots them in QEMU.
package boot_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// patience is how long an emulated machine may take for one step.
	patience = 10 * time.Minute
	// probeFailure is how a probe begins the report of a fault.
	probeFailure = "FAILED:"
)

// tool is the command under test; TestMain builds it.
var tool string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "linuxkit-boot-*")
	if err != nil {
		panic(err)
	}
	tool = filepath.Join(dir, "linuxkit")
	cmd := exec.Command("go", "build", "-o", tool, "github.com/linuxkit/linuxkit/cmd/linuxkit")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build linuxkit: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// emulators are the programs that run each architecture.
var emulators = map[string]string{
	"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64", "riscv64": "qemu-system-riscv64",
}

func needEmulator(t *testing.T, arch string) {
	t.Helper()
	if _, err := exec.LookPath(emulators[arch]); err != nil {
		t.Skipf("%s is not installed", emulators[arch])
	}
}

// build assembles a system and returns the prefix of its files.
func build(t *testing.T, arch string, files ...string) string {
	t.Helper()
	return buildWith(t, arch, nil, files...)
}

// buildWith is build with further flags.
func buildWith(t *testing.T, arch string, flags []string, files ...string) string {
	t.Helper()
	return buildIn(t, t.TempDir(), arch, flags, files...)
}

// buildIn is buildWith for a directory, which is made.
func buildIn(t *testing.T, dir, arch string, flags []string, files ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"build", "--no-sbom", "--arch", arch, "--dir", dir, "--name", "system"}, slices.Concat(flags, files)...)
	cmd := exec.CommandContext(t.Context(), tool, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("linuxkit %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return filepath.Join(dir, "system")
}

// machine is a running system.
type machine struct {
	t       *testing.T
	cmd     *exec.Cmd
	console *console
	ended   chan struct{}
	err     error
}

// start boots the system with that prefix. It is killed when the test ends.
func start(t *testing.T, arch, prefix string, flags ...string) *machine {
	t.Helper()
	args := append([]string{"run", "qemu", "--arch", qemuArch(arch), "--mem", "512"}, flags...)
	return startCommand(t, exec.Command(tool, append(args, prefix)...))
}

// startCommand starts what a program emulates, whose output is the console.
func startCommand(t *testing.T, cmd *exec.Cmd) *machine {
	t.Helper()
	m := &machine{t: t, cmd: cmd, console: &console{}, ended: make(chan struct{})}
	m.cmd.Stdout, m.cmd.Stderr = m.console, m.console
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		m.err = m.cmd.Wait()
		close(m.ended)
	}()
	t.Cleanup(func() {
		_ = m.cmd.Process.Signal(os.Interrupt)
		select {
		case <-m.ended:
		case <-time.After(30 * time.Second):
			_ = m.cmd.Process.Kill()
			<-m.ended
		}
		if t.Failed() {
			t.Logf("console of %s:\n%s", t.Name(), m.console)
		}
	})
	return m
}

func qemuArch(arch string) string {
	switch arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return arch
}

// expect waits until the console shows all texts, in that order.
func (m *machine) expect(texts ...string) {
	m.t.Helper()
	from := 0
	for _, text := range texts {
		at := m.wait(from, text)
		if at < 0 {
			m.t.Fatalf("the console does not show %q (after what was expected before)", text)
		}
		from = at + len(text)
	}
}

// wait returns the place of text on the console, or -1 if the machine ends or
// patience does.
func (m *machine) wait(from int, text string) int {
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if at := m.console.index(from, text); at >= 0 {
			return at
		}
		select {
		case <-m.ended:
			return m.console.index(from, text)
		case <-deadline:
			return -1
		case <-tick.C:
		}
	}
}

// end waits until the machine is off and returns the error of the command.
func (m *machine) end() error {
	m.t.Helper()
	select {
	case <-m.ended:
		return m.err
	case <-time.After(patience):
		m.t.Fatal("the machine does not end")
		return nil
	}
}

// sound fails the test if a probe inside the system found a fault.
func (m *machine) sound() {
	m.t.Helper()
	for line := range strings.Lines(m.console.String()) {
		if strings.Contains(line, probeFailure) {
			m.t.Errorf("in the system: %s", strings.TrimSpace(line))
		}
	}
}

// console keeps what a machine prints.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

func (c *console) index(from int, text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := bytes.Index(c.buf.Bytes()[from:], []byte(text))
	if at < 0 {
		return -1
	}
	return from + at
}

func freePort(t *testing.T) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

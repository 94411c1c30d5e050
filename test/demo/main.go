// Command demo builds the default system from source, boots it, fetches a page
// from it through a published port and shuts it down in order. It ends with
// what was seen and how long each step took.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/linuxkit/linuxkit/config"
)

const (
	tool     = "bin/linuxkit"
	system   = "linuxkit.yml"
	outDir   = "build/demo"
	farewell = "goodbye from the onshutdown container"
	// patience is how long an emulated system may take to answer or to stop.
	patience = 5 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) error {
	var t timeline
	// 1. The packages that the system names.
	packages, err := packageDirs(ctx)
	if err != nil {
		return err
	}
	for _, dir := range packages {
		args := []string{"pkg", "build", "--platforms", "linux/" + runtime.GOARCH, dir}
		if err := t.step("build "+dir, func() error { return run(ctx, args...) }); err != nil {
			return err
		}
	}
	// 2. The system.
	if err := os.MkdirAll(outDir, 0o755); err != nil {
		return err
	}
	if err := t.step("assemble", func() error { return run(ctx, "build", "--dir", outDir, system) }); err != nil {
		return err
	}
	// 3. Boot it, ask it, stop it.
	answer, err := t.boot(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nnginx answered through the published port:\n%s\n", indent(firstLines(answer, 5)))
	fmt.Printf("the onshutdown container said:\n%s\n", indent(farewell))
	fmt.Println("timeline:")
	t.print()
	return nil
}

// packageDirs returns the directories of the packages in the system's images.
func packageDirs(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	var dirs []string
	note := func(_ context.Context, dir string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		dirs = append(dirs, filepath.Clean(dir))
		return "demo.invalid/package:latest", nil
	}
	_, err := config.Load(ctx, []string{system}, config.LoadOptions{Package: note})
	slices.Sort(dirs)
	return dirs, err
}

func run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", tool, strings.Join(args, " "), err)
	}
	return nil
}

// boot runs the system until it has answered, then shuts it down and returns
// the answer.
func (t *timeline) boot(ctx context.Context) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	console := &recorder{}
	cmd := exec.Command(tool, "run", "qemu", "--publish", fmt.Sprintf("127.0.0.1:%d:80", port),
		filepath.Join(outDir, strings.TrimSuffix(system, ".yml")))
	cmd.Stdout = io.MultiWriter(os.Stdout, console)
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var answer string
	err = t.step("boot to first answer", func() (err error) {
		answer, err = fetch(ctx, fmt.Sprintf("http://127.0.0.1:%d/", port), ended)
		return err
	})
	if err != nil {
		_ = cmd.Process.Kill()
		return "", err
	}
	return answer, t.step("shut down", func() error { return shutdown(cmd, ended, console) })
}

// shutdown asks for an orderly end, as Ctrl-C does, and waits for it.
func shutdown(cmd *exec.Cmd, ended <-chan error, console *recorder) error {
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the system did not end cleanly: %w", err)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		return errors.New("the system did not shut down")
	}
	if !strings.Contains(console.String(), farewell) {
		return errors.New("the onshutdown container did not run")
	}
	return nil
}

// fetch asks until there is an answer, the system ends or patience does.
func fetch(ctx context.Context, url string, ended <-chan error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if body, err := get(ctx, url); err == nil {
			return body, nil
		}
		select {
		case err := <-ended:
			return "", fmt.Errorf("the system ended before it answered: %w", err)
		case <-ctx.Done():
			return "", fmt.Errorf("no answer from %s: %w", url, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return string(body), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// timeline collects how long the steps took.
type timeline struct {
	steps []step
}

type step struct {
	name string
	took time.Duration
}

func (t *timeline) step(name string, fn func() error) error {
	start := time.Now()
	err := fn()
	t.steps = append(t.steps, step{name, time.Since(start)})
	return err
}

func (t *timeline) print() {
	var total time.Duration
	for _, s := range t.steps {
		fmt.Printf("  %8.2f s  %s\n", s.took.Seconds(), s.name)
		total += s.took
	}
	fmt.Printf("  %8.2f s  in all\n", total.Seconds())
}

// recorder keeps what was written to it.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func firstLines(s string, n int) string {
	lines := strings.SplitN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}

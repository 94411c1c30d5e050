//go:build linux

package buildkit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program builds the command, once, and returns its file.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "linuxkit-program-*")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "linuxkit")
	if out, err := exec.Command("go", "build", "-o", file, "../../cmd/linuxkit").CombinedOutput(); err != nil {
		return file, fmt.Errorf("build linuxkit: %w:\n%s", err, out)
	}
	return file, nil
})

var programWanted bool

func removeProgram() {
	if programWanted {
		file, _ := program()
		os.RemoveAll(filepath.Dir(file))
	}
}

// process is a run of the command.
type process struct {
	*exec.Cmd
	out, log lockedBuffer
}

// start runs the command with a cache.
func start(t *testing.T, cache string, args ...string) *process {
	t.Helper()
	programWanted = true
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(file, args...)}
	p.Stdout, p.Stderr = &p.out, &p.log
	p.Env = append(os.Environ(), "LINUXKIT_CACHE="+cache, "LINUXKIT_MIRROR=http://127.0.0.1:1", "LINUXKIT_POLICY=")
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// end waits for the process and returns its status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	var failed *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// stepFiles are those of packages whose "app" runs one step.
func stepFiles(t *testing.T, arg, pause string) string {
	t.Helper()
	files := maps.Clone(packageFiles)
	files["app/build.yml"] = "image: app\nbuildArgs: [\"BASE=@lkt:pkg:../base\"]\n"
	files["app/Dockerfile"] = "ARG BASE\nFROM ${BASE}\nENV PAUSE=" + pause + "\nRUN [\"/bin/stamp\", \"" + arg + "\"]\n"
	return writeRepository(t, files)
}

// An interrupt ends the step that runs, wherever it runs, and nothing of the
// image is kept.
func TestInterrupt(t *testing.T) {
	needTools(t)
	t.Run("child", func(t *testing.T) {
		t.Setenv("BUILDKIT_HOST", "buildkitd://")
		interrupt(t, "interrupted-child")
		if left := running(t, os.Getenv("XDG_RUNTIME_DIR")); len(left) > 0 {
			t.Errorf("still running: %q", left)
		}
	})
	t.Run("remote", func(t *testing.T) {
		address := "unix://" + shortDir(t) + "/sock"
		d := startDaemon(t, "--addr", address)
		t.Setenv("BUILDKIT_HOST", address)
		interrupt(t, "interrupted-remote")
		if err := d.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the daemon has ended too: %v", err)
		}
	})
}

func interrupt(t *testing.T, mark string) {
	t.Helper()
	dir, cache := stepFiles(t, mark, "1h"), t.TempDir()
	if p := start(t, cache, "pkg", "build", "--platforms", host, filepath.Join(dir, "base")); p.end(t) != 0 {
		t.Fatal(p.log.String())
	}
	before, err := os.ReadFile(filepath.Join(cache, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cache, "pkg", "build", "--sbom-scanner", "builtin", "--platforms", host, filepath.Join(dir, "app"))
	if !eventually(func() bool { return len(running(t, "/bin/stamp\x00"+mark)) > 0 }) {
		p.Process.Kill()
		t.Fatalf("the step does not start:\n%s", p.log.String())
	}
	// A terminal sends it also to what the process runs, such as ssh.
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := p.end(t); status != 1 {
		t.Errorf("status %d:\n%s", status, p.log.String())
	}
	if !eventually(func() bool { return len(running(t, "/bin/stamp\x00"+mark)) == 0 }) {
		t.Error("the step still runs")
	}
	after, err := os.ReadFile(filepath.Join(cache, "index.json"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the cache was %s and is %s, %v", before, after, err)
	}
	if p := start(t, cache, "cache", "verify"); p.end(t) != 0 {
		t.Error(p.log.String())
	}
}

// eventually waits up to a minute for something to come true.
func eventually(what func() bool) bool {
	for range 600 {
		if what() {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// What a step has printed before it failed is shown, also where no progress is.
func TestFailingStep(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	dir, cache := stepFiles(t, "fail", ""), t.TempDir()
	build := func(flags ...string) *process {
		return start(t, cache, append(flags, "pkg", "build", "--sbom-scanner", "builtin", "--platforms", host, filepath.Join(dir, "base"), filepath.Join(dir, "app"))...)
	}
	for _, flags := range [][]string{nil, {"-q"}} {
		p := build(flags...)
		status, log := p.end(t), p.log.String()
		for _, want := range []string{"this is why", "error building for arch ", "exit code: 3"} {
			if status != 1 || !strings.Contains(log, want) {
				t.Errorf("%q: status %d without %q:\n%s", flags, status, want, log)
			}
		}
	}
}

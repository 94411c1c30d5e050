//go:build linux

package buildkit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/gittest"
	"github.com/linuxkit/linuxkit/pkglib"
)

// builtTools names a directory that has buildkitd and buildctl already.
const builtTools = "LINUXKIT_TEST_TOOLS"

// tools builds buildkitd and buildctl, once, and returns their directory.
var tools = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv(builtTools); dir != "" {
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "linuxkit-tools-*")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "github.com/moby/buildkit/cmd/buildkitd", "github.com/moby/buildkit/cmd/buildctl")
	cmd.Dir = "../tools"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build buildkitd: %w:\n%s", err, out)
	}
	return dir, nil
})

// TestMain also lets the test program stand for others, when it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == boundedName {
		fmt.Fprintln(os.Stderr, boundedMain(os.Args[0], os.Args[1:]))
		os.Exit(1)
	}
	code := m.Run()
	if toolsWanted && os.Getenv(builtTools) == "" {
		dir, _ := tools()
		os.RemoveAll(dir)
	}
	removeProgram()
	os.Exit(code)
}

var toolsWanted bool

// needTools puts buildkitd first on the PATH and gives the test a home of its
// own. It skips what cannot run here.
func needTools(t *testing.T) string {
	t.Helper()
	programs := []string{"runc", "git", "go"}
	if os.Getuid() != 0 {
		programs = append(programs, "rootlesskit", "newuidmap")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	toolsWanted = true
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", shortDir(t))
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	return dir
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// packageFiles are a package "base" of layers that has a program, a package
// "app" that is built on it by running the program, and a package "plain" that
// needs no program.
var packageFiles = map[string]string{
	"base/build.yml": "image: base\nlayers:\n  - go: {path: /bin/stamp}\n",
	"base/go.mod":    "module example.org/stamp\ngo 1.24\n",
	"base/main.go": `package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if os.Args[1] == "fail" {
		fmt.Println("this is why")
		os.Exit(3)
	}
	if d, err := time.ParseDuration(os.Getenv("PAUSE")); err == nil {
		time.Sleep(d)
	}
	if err := os.WriteFile("/stamped", []byte(os.ExpandEnv(os.Args[1])), 0o644); err != nil {
		panic(err)
	}
}
`,
	"app/build.yml":    "image: app\nbuildArgs: [\"BASE=@lkt:pkg:../base\", \"PAUSE=0s\"]\nextra-sources: [\"../lib:/lib\"]\nconfig: {pid: host}\n",
	"app/Dockerfile":   "ARG BASE\nFROM ${BASE}\nCOPY lib/ /lib/\nRUN [\"/bin/stamp\", \"done\"]\nARG PAUSE\nRUN --network=none [\"/bin/stamp\", \"done\"]\n",
	"lib/data":         "data\n",
	"plain/build.yml":  "image: plain\n",
	"plain/Dockerfile": "FROM scratch\nCOPY --chmod=755 etc/ /etc/\nCOPY Dockerfile /\n",
	"plain/etc/motd":   "hello\n",
}

func packages(t *testing.T) (base, app pkglib.Pkg) {
	t.Helper()
	dir := writeRepository(t, packageFiles)
	return loadPackage(t, dir, "base"), loadPackage(t, dir, "app")
}

// writeRepository commits files, whose time is fixed.
func writeRepository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gittest.InitIn(t, dir)
	return dir
}

func loadPackage(t *testing.T, dir, name string) pkglib.Pkg {
	t.Helper()
	cfg := pkglib.PkglibConfig{BuildYML: pkglib.DefaultPkgBuildYML, HashCommit: pkglib.DefaultPkgCommit}
	pkgs, err := pkglib.NewFromConfig(t.Context(), cfg, filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := pkgs[0].ProcessBuildArgs(t.Context()); err != nil {
		t.Fatal(err)
	}
	return pkgs[0]
}

// newCache is a cache with the image of base.
func newCache(t *testing.T, base pkglib.Pkg) *content.Store {
	t.Helper()
	return newCacheFor(t, base, host)
}

func newCacheFor(t *testing.T, base pkglib.Pkg, platforms ...string) *content.Store {
	t.Helper()
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := base.Build(t.Context(), pkglib.WithBuildStore(s), pkglib.WithBuildPlatforms(platforms...)); err != nil {
		t.Fatal(err)
	}
	return s
}

var host = "linux/" + runtime.GOARCH

// build builds a package, with what BuildKit says in the error.
func build(ctx context.Context, s *content.Store, p pkglib.Pkg, opts ...pkglib.BuildOpt) (string, error) {
	return buildFor(ctx, host, s, p, opts...)
}

func buildFor(ctx context.Context, platform string, s *content.Store, p pkglib.Pkg, opts ...pkglib.BuildOpt) (string, error) {
	var log lockedBuffer
	err := p.Build(ctx, append([]pkglib.BuildOpt{
		pkglib.WithBuildStore(s), pkglib.WithBuildPlatforms(platform), pkglib.WithProgressWriter(&log), pkglib.WithProgress("plain"), pkglib.WithBuildSbomScanner(pkglib.BuiltinScanner),
	}, opts...)...)
	if err != nil {
		return log.String(), fmt.Errorf("%w\n%s", err, log.String())
	}
	return log.String(), nil
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// daemon is a buildkitd that the test itself runs.
type daemon struct {
	cmd *exec.Cmd
	log lockedBuffer
}

// startDaemon runs buildkitd and waits until its address answers.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	return startDaemonWith(t, nil, args...)
}

// startDaemonWith runs it with a command that runs others.
func startDaemonWith(t *testing.T, runner []string, args ...string) *daemon {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a daemon without supervision needs root")
	}
	dir := shortDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	argv := slices.Concat(runner, []string{"buildkitd", "--root", dir, "--containerd-worker=false"}, args)
	d := &daemon{cmd: exec.Command(argv[0], argv[1:]...)}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	for range 300 {
		if strings.Contains(d.log.String(), "running server on") {
			return d
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("buildkitd does not start:\n%s", d.log.String())
	return nil
}

// stop ends the daemon, which waits for its clients, but not for lost ones.
func (d *daemon) stop() {
	if d.cmd.ProcessState == nil {
		d.cmd.Process.Signal(syscall.SIGTERM)
		defer time.AfterFunc(3*time.Second, func() { d.cmd.Process.Kill() }).Stop()
		d.cmd.Wait()
	}
}

// unmountBelow removes the mounts that a killed daemon has left.
func unmountBelow(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if point := strings.Fields(line)[1]; strings.HasPrefix(point, dir+"/") {
			syscall.Unmount(point, syscall.MNT_DETACH)
		}
	}
}

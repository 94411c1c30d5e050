package dockerengine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
)

var (
	amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = ocispec.Platform{OS: "linux", Architecture: "arm64"}
)

// recorded is a cache that LinuxKit wrote.
const recorded = "../../test/conformance/images"

// startDocker runs an engine of its own, with extra arguments, and returns the
// address of its socket.
func startDocker(t *testing.T, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("dockerd needs root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("no dockerd; Debian has it in docker.io")
	}
	// Sockets must have short names, and what dockerd mounts is not for the
	// test to remove.
	dir, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	var log bytes.Buffer
	cmd := exec.Command("dockerd", append([]string{
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "-H", "unix://" + socket,
		"--data-root", dir + "/data", "--exec-root", dir + "/exec", "--pidfile", dir + "/pid",
	}, args...)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
		}
		os.RemoveAll(dir)
	})
	for range 300 {
		if _, err := os.Stat(socket); err == nil {
			return "unix://" + socket
		}
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("dockerd does not run here: %v\n%s", err, lastLines(log.String()))
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("dockerd does not open its socket\n%s", lastLines(log.String()))
	return ""
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func engineAt(t *testing.T, host string) *Engine {
	t.Helper()
	e, err := connect(endpoint{host: host})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recordedImage returns an image that the cache has.
func recordedImage(t *testing.T, ref string, p ocispec.Platform) *image.Image {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recorded")
	if err := os.CopyFS(dir, os.DirFS(recorded)); err != nil {
		t.Fatal(err)
	}
	s, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	img, err := (&image.Resolver{Store: s}).Image(t.Context(), ref, p)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func files(t *testing.T, img *image.Image) string {
	t.Helper()
	var buf bytes.Buffer
	if err := img.ExportFilesystem(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func load(t *testing.T, e *Engine, img *image.Image, name string) {
	t.Helper()
	var archive bytes.Buffer
	if err := img.ExportDocker(t.Context(), &archive, name); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context(), &archive); err != nil {
		t.Fatal(err)
	}
}

// An image goes into an engine and comes out with the same files, through
// every step that a build takes.
func TestEngine(t *testing.T) {
	e := engineAt(t, startDocker(t))
	ctx := t.Context()
	const ref = "docker.io/conf/layers:v1"
	if _, err := e.Inspect(ctx, ref); !errors.Is(err, ErrNoImage) {
		t.Fatalf("image that is not there: %v", err)
	}
	img := recordedImage(t, ref, amd64)
	load(t, e, img, ref)
	if info, err := e.Inspect(ctx, ref); err != nil || info.Architecture != "amd64" || !strings.HasPrefix(info.ID, "sha256:") {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
	store := newStore(t)
	source := &Source{Engine: e, Store: store}
	resolver := &image.Resolver{Store: store, Before: []image.Place{source}}
	got, err := resolver.Image(ctx, ref, amd64)
	if err != nil {
		t.Fatal(err)
	}
	if files(t, got) != files(t, img) {
		t.Error("the files of the image differ after a round trip")
	}
	if named, err := store.List(ctx); err != nil || len(named) != 0 {
		t.Errorf("names in the cache: %v, %v", named, err)
	}
	again(ctx, t, e, store, ref, got)
	if _, err := resolver.Image(ctx, ref, arm64); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("another architecture: %v", err)
	}
	if err := e.Load(ctx, strings.NewReader("no archive")); err == nil {
		t.Error("the engine loaded what is no archive")
	}
}

// again looks for an image that was taken before: nothing is transferred.
func again(ctx context.Context, t *testing.T, e *Engine, store *content.Store, ref string, before *image.Image) {
	t.Helper()
	next := &Source{Engine: e, Store: store}
	root, err := next.Find(ctx, ref, amd64)
	if err != nil || root.Digest != before.Root.Digest {
		t.Errorf("second time: %v, %v", root, err)
	}
	if _, ok := next.known(ctx, "docker image\x00sha256:none", ref, amd64); ok {
		t.Error("an image that was never taken is known")
	}
}

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/gittest"
)

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// await waits until text has been written.
func (l *lockedBuffer) await(t *testing.T, text string) {
	t.Helper()
	for range 600 {
		l.mu.Lock()
		found := strings.Contains(l.b.String(), text)
		l.mu.Unlock()
		if found {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("output lacks %q:\n%s", text, l.b.String())
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	for name, value := range scriptEnv(dir) {
		t.Setenv(name, value)
	}
	t.Setenv("LINUXKIT_MIRROR", "http://127.0.0.1:1")
	pkg := filepath.Join(dir, "watched")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(pkg, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(pkg, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("rootfs/a", "1")
	write("build.yml", "image: watched\narches: [amd64]\nlayers: [files: rootfs]\n")
	gittest.InitIn(t, dir, "watched")
	ctx, cancel := context.WithCancel(t.Context())
	var out lockedBuffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"pkg", "build", "--watch", pkg}, strings.NewReader(""), &out, &out)
	}()
	out.await(t, "watching for changes")
	write("build.yml", "image: [")
	out.await(t, "Error: ")
	write("build.yml", "image: again\narches: [amd64]\nlayers: [files: rootfs]\n")
	out.await(t, `Building "linuxkit/again:`)
	out.await(t, "-dirty-")
	cancel()
	if c := <-code; c != 0 {
		t.Errorf("interrupted: status %d", c)
	}
}

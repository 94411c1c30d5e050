//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/gittest"
)

const crashPackages = 10

// newPackages commits packages made of layers, whose images take a while.
func newPackages(t *testing.T) (dirs []string) {
	t.Helper()
	top := t.TempDir()
	write := func(name string, data []byte) {
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	noise := rand.NewChaCha8([32]byte{})
	for i := range crashPackages {
		dir := fmt.Sprintf("pkg%d", i)
		write(dir+"/build.yml", fmt.Appendf(nil, "image: %s\nlayers: [files: a, files: b]\n", dir))
		for _, name := range []string{"a/data", "b/data"} {
			data := make([]byte, 1<<20)
			_, _ = noise.Read(data) // never fails
			write(dir+"/"+name, data)
		}
		dirs = append(dirs, filepath.Join(top, dir))
	}
	gittest.InitIn(t, top)
	return dirs
}

// packageBuild is a process that builds all packages, in an order of its own.
func packageBuild(ctx context.Context, t *testing.T, cache string, dirs []string) *exec.Cmd {
	args := []string{"--cache", cache, "pkg", "build", "--platforms", "linux/amd64,linux/arm64"}
	for _, i := range rand.Perm(len(dirs)) {
		args = append(args, dirs[i])
	}
	cmd := command(ctx, t, args...)
	cmd.Env = append(cmd.Env, "LINUXKIT_MIRROR=http://127.0.0.1:1")
	return cmd
}

// named counts the packages that a cache has.
func named(cache string) int {
	data, err := os.ReadFile(filepath.Join(cache, "index.json"))
	if err != nil {
		return 0 // nothing yet
	}
	n := 0
	for i := range crashPackages {
		if bytes.Contains(data, fmt.Appendf(nil, "/linuxkit/pkg%d:", i)) {
			n++
		}
	}
	return n
}

// Of processes that build the same packages into one cache one is killed. The
// others do not notice, and another run finds or makes what is missing.
func TestKillPackageBuild(t *testing.T) {
	dirs := newPackages(t)
	crashRounds(5, func(n int) {
		cache := filepath.Join(t.TempDir(), "cache")
		ctx, kill := context.WithCancel(t.Context()) // sends SIGKILL
		defer kill()
		victim := packageBuild(ctx, t, cache, dirs)
		var running sync.WaitGroup
		running.Go(func() { _ = victim.Run() })
		for range 3 {
			cmd := packageBuild(t.Context(), t, cache, dirs)
			running.Go(func() {
				if err := cmd.Run(); err != nil {
					t.Errorf("round %d: %v: %s", n, err, cmd.Stderr)
				}
			})
		}
		middle := n % crashPackages
		for end := time.Now().Add(time.Minute); named(cache) < middle && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		kill()
		running.Wait()
		// On a busy machine it may not even have started.
		if state := victim.ProcessState; state != nil && state.Success() {
			t.Logf("round %d: nothing was killed", n)
		}
		succeed(t, "--cache", cache, "cache", "verify")
		again := packageBuild(t.Context(), t, cache, dirs)
		var out strings.Builder
		again.Stdout = &out
		if err := again.Run(); err != nil {
			t.Fatalf("round %d, again: %v: %s", n, err, again.Stderr)
		}
		if got := named(cache); got != crashPackages || strings.Contains(out.String(), "will build") {
			t.Errorf("round %d: %d packages are there, then:\n%s", n, got, &out)
		}
		succeed(t, "--cache", cache, "cache", "verify")
		if err := os.RemoveAll(cache); err != nil {
			t.Fatal(err)
		}
	})
}

// One that is killed alone leaves a cache that the next run completes.
func TestKillLonePackageBuild(t *testing.T) {
	dirs := newPackages(t)
	cache := filepath.Join(t.TempDir(), "cache")
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	victim := packageBuild(ctx, t, cache, dirs)
	ended := make(chan struct{})
	go func() { _ = victim.Run(); close(ended) }()
	for end := time.Now().Add(time.Minute); named(cache) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	kill()
	<-ended
	before := named(cache)
	succeed(t, "--cache", cache, "cache", "verify")
	again := packageBuild(t.Context(), t, cache, dirs)
	var out strings.Builder
	again.Stdout = &out
	if err := again.Run(); err != nil {
		t.Fatalf("%v: %s", err, again.Stderr)
	}
	if got := strings.Count(out.String(), "\nbuilding "); before == 0 || got < crashPackages-before || got > crashPackages || named(cache) != crashPackages {
		t.Errorf("%d packages were there, %d were built, %d are there", before, got, named(cache))
	}
	succeed(t, "--cache", cache, "cache", "verify")
}

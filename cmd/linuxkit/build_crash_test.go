//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noise is a layer with a file that cannot be compressed.
func noise(size int64) func(w io.Writer) error {
	return func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "noise", Mode: 0o644, Size: size}); err != nil {
			return err
		}
		if _, err := io.CopyN(t, rand.NewChaCha8([32]byte{}), size); err != nil {
			return err
		}
		return t.Close()
	}
}

// buildWorld is a cache with one image, and a configuration that uses it.
func buildWorld(t *testing.T, size int64) (cache, config string) {
	t.Helper()
	cache = t.TempDir()
	addImage(t, cache, "docker.io/library/noise:1", noise(size))
	config = filepath.Join(t.TempDir(), "x.yml")
	writeFile(t, config, `init: ["noise:1"]`)
	return cache, config
}

// smallDisk mounts a file system of that size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// buildFormats are those that are written in different ways.
var buildFormats = []string{"tar", "kernel+initrd", "tar-kernel-initrd"}

// TestBuildOnFullDisk has no space for outputs: there are none then, what was
// there stays, and with more space the build succeeds.
func TestBuildOnFullDisk(t *testing.T) {
	cache, config := buildWorld(t, 3<<20)
	dir := smallDisk(t, "2m")
	for _, suffix := range []string{".tar", "-initrd.img", "-initrd.tar"} {
		writeFile(t, filepath.Join(dir, "x"+suffix), "earlier")
	}
	for _, format := range buildFormats {
		r := linuxkit(t, nil, "--cache", cache, "build", "-f", format, "--dir", dir, "--name", "x", config)
		if r.code != 1 || !strings.Contains(r.stderr, "no space left") {
			t.Errorf("%s: status %d: %s", format, r.code, r.stderr)
		}
	}
	names, err := filepath.Glob(dir + "/*")
	hidden, _ := filepath.Glob(dir + "/.*")
	if err != nil || len(names) != 3 || len(hidden) > 0 {
		t.Errorf("there are %q, %q", names, hidden)
	}
	for _, n := range names {
		if data, err := os.ReadFile(n); err != nil || string(data) != "earlier" {
			t.Errorf("%s was changed: %.20q, %v", n, data, err)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=32m"); err != nil {
		t.Fatal(err)
	}
	for _, format := range buildFormats {
		succeed(t, "--cache", cache, "build", "--check", "-f", format, "--dir", dir, "--name", "x", config)
	}
}

// TestBuildOnFullCache has no space to keep what was converted.
func TestBuildOnFullCache(t *testing.T) {
	whole, config := buildWorld(t, 3<<20)
	dir, out := smallDisk(t, "5m"), t.TempDir()
	cache := filepath.Join(dir, "cache")
	if err := os.CopyFS(cache, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	r := linuxkit(t, nil, "--cache", cache, "build", "--dir", out, "--name", "x", config)
	if r.code != 1 || !strings.Contains(r.stderr, "no space left") {
		t.Errorf("status %d: %s", r.code, r.stderr)
	}
	if left, _ := filepath.Glob(out + "/*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=32m"); err != nil {
		t.Fatal(err)
	}
	succeed(t, "--cache", cache, "build", "--check", "--dir", out, "--name", "x", config)
}

// TestBuildKilled kills builds at any time: an output is whole or as it was,
// and the next build succeeds.
func TestBuildKilled(t *testing.T) {
	cache, config := buildWorld(t, 8<<20)
	want := t.TempDir()
	for _, format := range buildFormats {
		succeed(t, "--cache", cache, "build", "-f", format, "--dir", want, "--name", "x", config)
	}
	out := t.TempDir()
	finished := 0
	crashRounds(6, func(n int) {
		if err := os.RemoveAll(filepath.Join(cache, "derived")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := command(ctx, t, "--cache", cache, "build", "-f", buildFormats[n%len(buildFormats)], "--dir", out, "--name", "x", config)
		time.AfterFunc(time.Duration(rand.IntN(400))*time.Millisecond, cancel)
		if cmd.Run() == nil {
			finished++
		}
		cancel()
		checkWhole(t, want, out)
	})
	t.Logf("%d builds finished", finished)
	for _, format := range buildFormats {
		succeed(t, "--cache", cache, "build", "-f", format, "--dir", out, "--name", "x", config)
	}
	if left, _ := filepath.Glob(out + "/*"); len(left) != 3 {
		t.Errorf("outputs are %q", left)
	}
	checkWhole(t, want, out)
}

// checkWhole wants each output that is there to be what it should be.
func checkWhole(t *testing.T, want, out string) {
	t.Helper()
	names, err := filepath.Glob(out + "/x*")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		got, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(filepath.Join(want, filepath.Base(n)))
		if err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("%s has %d bytes and is not what it should be (%d bytes, %v)", n, len(got), len(whole), err)
		}
	}
}

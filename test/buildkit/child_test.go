//go:build linux

package buildkit

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/pkglib"
)

// running are the command lines of processes that use a directory.
func running(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), dir) {
			found = append(found, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return found
}

// root is what the cache has under a name.
func root(t *testing.T, s *content.Store, ref string) ocispec.Descriptor {
	t.Helper()
	d, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fileOf is what a file of an image holds.
func fileOf(t *testing.T, img *image.Image, name string) (text string) {
	t.Helper()
	opts := layer.Options{Keep: func(n string) bool { return n == name }}
	err := layer.Flatten(t.Context(), img.Layers(), opts, func(e *layer.Entry) error {
		if e.Content == nil {
			return nil
		}
		data, err := io.ReadAll(e.Content)
		text = string(data)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return text
}

func checkApp(t *testing.T, s *content.Store, app pkglib.Pkg) {
	t.Helper()
	checkAppFor(t, s, app, host)
}

func checkAppFor(t *testing.T, s *content.Store, app pkglib.Pkg, platform string) {
	t.Helper()
	img := imageOf(t, s, app, platform)
	if fileOf(t, img, "stamped") != "done" || fileOf(t, img, "lib/data") != "data\n" {
		t.Errorf("image has %q and %q", fileOf(t, img, "stamped"), fileOf(t, img, "lib/data"))
	}
	if got := img.Config.Config.Labels["org.mobyproject.config"]; got != `{"pid":"host"}` {
		t.Errorf("label %q", got)
	}
	index, err := s.ReadIndex(t.Context(), img.Root)
	if err != nil || len(index.Manifests) != 2 || index.Manifests[1].Annotations["vnd.docker.reference.digest"] != img.Descriptor.Digest.String() {
		t.Fatalf("index %+v, %v", index, err)
	}
	m, err := s.ReadManifest(t.Context(), index.Manifests[1])
	if err != nil || len(m.Layers) != 2 || m.Layers[0].Annotations["in-toto.io/predicate-type"] != "https://slsa.dev/provenance/v1" {
		t.Fatalf("attestation %+v, %v", m, err)
	}
	data, err := s.ReadAll(t.Context(), m.Layers[0])
	if err != nil || !json.Valid(data) || strings.Contains(string(data), "startedOn") {
		t.Errorf("provenance %s, %v", data, err)
	}
	if data, err = s.ReadAll(t.Context(), m.Layers[1]); err != nil || !strings.Contains(string(data), "pkg:golang/example.org/stamp") {
		t.Errorf("bill of materials %s, %v", data, err)
	}
}

// A package is built on an image that only the cache has, by a daemon that is
// started for it; another time, elsewhere, it gives the same bytes.
func TestChild(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	base, app := packages(t)
	s := newCache(t, base)
	if _, err := build(t.Context(), s, app); err != nil {
		t.Fatal(err)
	}
	checkApp(t, s, app)
	if left := running(t, os.Getenv("XDG_RUNTIME_DIR")); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
	t.Setenv("HOME", t.TempDir())
	again := newCache(t, base)
	if _, err := build(t.Context(), again, app); err != nil {
		t.Fatal(err)
	}
	if a, b := root(t, s, app.FullTag()), root(t, again, app.FullTag()); a.Digest != b.Digest {
		t.Errorf("the index is %s, then %s", a.Digest, b.Digest)
	}
}

// Several users at a time share one daemon, and the last one stops it.
func TestChildShared(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	base, app := packages(t)
	run := os.Getenv("XDG_RUNTIME_DIR")
	var users [3]*pkglib.BuildRunner
	var wg sync.WaitGroup
	for i := range users {
		users[i] = pkglib.NewDockerRunner(true, pkglib.BuilderConfig{})
		s := newCache(t, base)
		wg.Go(func() {
			if _, err := build(t.Context(), s, app, pkglib.WithBuildDocker(users[i])); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, u := range users {
		daemons := slices.DeleteFunc(running(t, run), func(line string) bool { // not what rootlesskit adds
			return filepath.Base(strings.Fields(line)[0]) != "buildkitd"
		})
		if len(daemons) != 1 {
			t.Errorf("before user %d leaves there run %q", i, daemons)
		}
		if err := u.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if left := running(t, run); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
}

// A daemon that cannot start says why.
func TestChildBroken(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	base, app := packages(t)
	config := filepath.Join(t.TempDir(), "buildkitd.toml")
	if err := os.WriteFile(config, []byte("[worker.oci]\n  enabled = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := build(t.Context(), newCache(t, base), app, pkglib.WithBuildBuilderConfig(pkglib.BuilderConfig{ConfigPath: config}))
	if err == nil || !strings.Contains(err.Error(), "no worker found") {
		t.Errorf("error %v", err)
	}
}

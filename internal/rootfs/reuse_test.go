package rootfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const conformance = "../../test/conformance"

// TestReuseGivesTheSame builds all recorded cases from an earlier tar instead
// of the layers of the images.
func TestReuseGivesTheSame(t *testing.T) {
	cases, err := filepath.Glob(conformance + "/cases/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	recorded, empty := openStore(t, filepath.Join(conformance, "images")), openStore(t, t.TempDir())
	bare := &image.Resolver{Store: recorded, Bare: true}
	compared := 0
	for _, dir := range cases {
		cfg := load(t, dir)
		if slices.ContainsFunc(cfg.Volumes, func(v *config.Volume) bool { return v.Format == "oci" }) {
			continue // such volumes need the image itself
		}
		compared++
		old := filepath.Join(t.TempDir(), "old.tar")
		want := writeTar(t, cfg, rootfs.Options{Images: &image.Resolver{Store: recorded}})
		if err := os.WriteFile(old, want, 0o644); err != nil {
			t.Fatal(err)
		}
		tar, err := rootfs.OpenOldTar(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		got := writeTar(t, load(t, dir), rootfs.Options{Images: &image.Resolver{Store: empty}, Reuse: &rootfs.Reuse{
			Tar: tar, Describe: bare.Image, Kernel: true,
		}})
		tar.Close()
		if !bytes.Equal(want, got) {
			t.Errorf("%s: the tar is not the same", dir)
		}
	}
	if compared < 10 {
		t.Errorf("only %d cases were compared", compared)
	}
}

// TestReuseLacks wants an image that the tar does not have to be looked for.
func TestReuseLacks(t *testing.T) {
	recorded, empty := openStore(t, filepath.Join(conformance, "images")), openStore(t, t.TempDir())
	cfg := load(t, conformance+"/cases/05-service-defaults")
	old := filepath.Join(t.TempDir(), "old.tar")
	small := &config.Config{Init: cfg.Init}
	if err := os.WriteFile(old, writeTar(t, small, rootfs.Options{Images: &image.Resolver{Store: recorded}}), 0o644); err != nil {
		t.Fatal(err)
	}
	tar, err := rootfs.OpenOldTar(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	defer tar.Close()
	bare := &image.Resolver{Store: recorded, Bare: true}
	_, err = rootfs.Plan(t.Context(), cfg, rootfs.Options{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, Images: &image.Resolver{Store: empty},
		Reuse: &rootfs.Reuse{Tar: tar, Describe: bare.Image, Kernel: true},
	})
	if !errors.Is(err, content.ErrNotFound) {
		t.Errorf("Plan = %v", err)
	}
}

func TestOpenOldTarFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.tar")
	for _, text := range []string{"", "hello", string(make([]byte, 1024))} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := rootfs.OpenOldTar(t.Context(), name); err == nil {
			t.Errorf("%.10q can be used", text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rootfs.OpenOldTar(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func openStore(t *testing.T, dir string) *content.Store {
	t.Helper()
	s, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t *testing.T, dir string) *config.Config {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(t.Context(), files, config.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func writeTar(t *testing.T, cfg *config.Config, opts rootfs.Options) []byte {
	t.Helper()
	opts.Platform = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	sys, err := rootfs.Plan(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	f, err := output.Lookup("tar")
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := f.Stream(t.Context(), sys, output.Options{}, io.Writer(&buf)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

const (
	largeImage = "docker.io/bench/large:1"
	largeFiles = 2048 // of a MiB each
)

// benchLarge builds the default system with 2 GiB more in its root: the memory
// it takes must be that of the system without.
func benchLarge(ctx context.Context, table *tabwriter.Writer) error {
	cache, err := coldCache()
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	if err := addLarge(ctx, cache); err != nil {
		return err
	}
	config := filepath.Join(dir, "large.yml")
	if err := os.WriteFile(config, []byte("init: [\""+largeImage+"\"]\n"), 0o644); err != nil {
		return err
	}
	row(table, "format with 2 GiB more in the root", "cold, peak memory", "")
	for _, name := range []string{"kernel+initrd", "tar", "raw-efi", "qcow2-efi", "iso", "kernel+squashfs", "kernel+erofs", "kernel+iso"} {
		if err := os.RemoveAll(filepath.Join(cache, "derived")); err != nil {
			return err
		}
		c, err := run(ctx, []string{"LINUXKIT_CACHE=" + cache}, formatArgs(name, system, config)...)
		removeOutputs(name)
		if err != nil {
			return err
		}
		row(table, name, fmt.Sprintf("%.1f s, %s", c.wall.Seconds(), mib(c.peak)), "≤ 100 MiB")
	}
	return nil
}

// addLarge puts an image into the cache whose one layer holds the files.
func addLarge(ctx context.Context, cache string) error {
	s, err := content.Open(cache)
	if err != nil {
		return err
	}
	layer, err := putLayer(ctx, s)
	if err != nil {
		return err
	}
	config, err := putJSON(ctx, s, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := putJSON(ctx, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	return s.Tag(ctx, largeImage, manifest)
}

func putJSON(ctx context.Context, s *content.Store, mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return s.Put(ctx, mediaType, data)
}

func putLayer(ctx context.Context, s *content.Store) (ocispec.Descriptor, error) {
	w, err := s.Create(ctx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer w.Close()
	if err := writeLarge(w); err != nil {
		return ocispec.Descriptor{}, err
	}
	return w.Commit(ctx, ocispec.MediaTypeImageLayer, "")
}

// writeLarge writes a tar of files that compress to half: noise and text.
func writeLarge(w io.Writer) error {
	const half = 512 << 10
	t := tar.NewWriter(w)
	noise := rand.NewChaCha8([32]byte{})
	text := strings.Repeat("all work and no play ", half/21+1)[:half]
	for i := range largeFiles {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("large/%d", i), Mode: 0o644, Size: 2 * half}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.CopyN(t, noise, half); err != nil {
			return err
		}
		if _, err := io.WriteString(t, text); err != nil {
			return err
		}
	}
	return t.Close()
}

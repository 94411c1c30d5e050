package content

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// recorded is a cache that LinuxKit wrote.
const recorded = "../../test/conformance/images"

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "cache"))
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copyRecorded returns a copy of the recorded cache.
func copyRecorded(t testing.TB) *Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS(recorded)); err != nil {
		t.Fatal(err)
	}
	return openStore(t, dir)
}

// putImage stores an image of one layer and returns its manifest.
func putImage(ctx context.Context, s *Store, layer []byte) (ocispec.Descriptor, error) {
	l, err := s.Put(ctx, ocispec.MediaTypeImageLayer, layer)
	if err != nil {
		return l, err
	}
	config, err := s.Put(ctx, ocispec.MediaTypeImageConfig, fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","author":%q}`, l.Digest))
	if err != nil {
		return config, err
	}
	m, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{l},
	})
	if err != nil {
		return l, err
	}
	return s.Put(ctx, ocispec.MediaTypeImageManifest, m)
}

func mustPutImage(t testing.TB, s *Store, layer string) ocispec.Descriptor {
	t.Helper()
	d, err := putImage(t.Context(), s, []byte(layer))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// checkWhole fails the test unless all that the index names is there and
// undamaged.
func checkWhole(t testing.TB, s *Store) []Named {
	t.Helper()
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		err := s.Walk(t.Context(), n.Descriptor, func(d ocispec.Descriptor, err error) error {
			if err != nil {
				return err
			}
			return s.Verify(t.Context(), d)
		})
		if err != nil {
			t.Errorf("%s: %v", n.Ref, err)
		}
	}
	return all
}

// files returns the names below a directory of the store.
func files(t testing.TB, s *Store, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(s.path(dir))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

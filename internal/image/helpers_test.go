package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

var (
	amd64   = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	arm64   = ocispec.Platform{OS: "linux", Architecture: "arm64"}
	riscv64 = ocispec.Platform{OS: "linux", Architecture: "riscv64"}
)

func newStore(t testing.TB) *content.Store {
	t.Helper()
	s, err := content.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorded returns a copy of a cache that LinuxKit wrote.
func recorded(t testing.TB) *content.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS("../../test/conformance/images")); err != nil {
		t.Fatal(err)
	}
	s, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put stores a document of any kind.
func put(t testing.TB, s *content.Store, mediaType string, doc any) ocispec.Descriptor {
	t.Helper()
	data, ok := doc.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
	}
	d, err := s.Put(t.Context(), mediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// putImage stores an image for p and returns its descriptor, with platform.
func putImage(t testing.TB, s *content.Store, p ocispec.Platform) ocispec.Descriptor {
	t.Helper()
	config := put(t, s, ocispec.MediaTypeImageConfig, ocispec.Image{Platform: p})
	layer := put(t, s, ocispec.MediaTypeImageLayer, []byte("layer for "+Format(p)))
	d := put(t, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	d.Platform = &p
	return d
}

func putIndex(t testing.TB, s *content.Store, children ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	return put(t, s, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
}

// attest returns an attestation manifest about a child of an index.
func attest(t testing.TB, s *content.Store, subject ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	statement := put(t, s, "application/vnd.in-toto+json", []byte(`{"predicateType":"`+predicateSPDX+`","subject":"`+subject.Digest.String()+`"}`))
	statement.Annotations = map[string]string{predicateType: predicateSPDX}
	d := put(t, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Config: put(t, s, ocispec.MediaTypeImageConfig, ocispec.Image{}), Layers: []ocispec.Descriptor{statement},
	})
	d.Platform = &ocispec.Platform{OS: unknown, Architecture: unknown}
	d.Annotations = map[string]string{AnnotationType: TypeAttestation, AnnotationSubject: subject.Digest.String()}
	return d
}

func tag(t testing.TB, s *content.Store, ref string, d ocispec.Descriptor) {
	t.Helper()
	if err := s.Tag(t.Context(), ref, d); err != nil {
		t.Fatal(err)
	}
}

// lose removes the blob from the cache.
func lose(t testing.TB, s *content.Store, d ocispec.Descriptor) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.Dir(), "blobs", d.Digest.Algorithm().String(), d.Digest.Encoded())); err != nil {
		t.Fatal(err)
	}
}

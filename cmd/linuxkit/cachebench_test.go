package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// BenchmarkCacheLs lists a cache of 2000 images.
func BenchmarkCacheLs(b *testing.B) {
	cache := b.TempDir()
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for i := range 2000 {
		index.Manifests = append(index.Manifests, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString(fmt.Sprint(i)), Size: 1000,
			Annotations: map[string]string{ocispec.AnnotationRefName: fmt.Sprintf("docker.io/bench/image%d:v1", i)},
		})
	}
	data, err := json.Marshal(index)
	if err == nil {
		err = os.WriteFile(filepath.Join(cache, "index.json"), data, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if code := run(b.Context(), []string{"--cache", cache, "cache", "ls"}, nil, io.Discard, io.Discard); code != 0 {
			b.Fatalf("status %d", code)
		}
	}
}

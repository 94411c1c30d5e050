package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// benchList lists a cache that names many images.
func benchList(ctx context.Context, table *tabwriter.Writer) error {
	const images = 2000
	cache := filepath.Join(dir, "many")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	if err := writeIndex(filepath.Join(cache, "index.json"), images); err != nil {
		return err
	}
	c, err := median(func(int) (cost, error) { return run(ctx, nil, "-q", "--cache", cache, "cache", "ls", "--json") })
	if err != nil {
		return err
	}
	row(table, fmt.Sprintf("list of a cache of %d images", images), fmt.Sprintf("%.2f s", c.wall.Seconds()), "≤ 0.2 s")
	return nil
}

func writeIndex(name string, images int) error {
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for i := range images {
		index.Manifests = append(index.Manifests, ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString(fmt.Sprint(i)), Size: 1000,
			Annotations: map[string]string{ocispec.AnnotationRefName: fmt.Sprintf("docker.io/bench/image%d:v1", i)},
		})
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

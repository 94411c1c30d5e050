package pkglib

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	imagepkg "github.com/linuxkit/linuxkit/internal/image"
)

// children returns what the index named ref holds; nothing if there is none.
func children(ctx context.Context, s *content.Store, ref string) ([]ocispec.Descriptor, error) {
	desc, err := s.Resolve(ctx, ref)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return readIndex(ctx, s, ref, desc)
}

// readIndex returns the children of an index. An index whose content is gone
// has none.
func readIndex(ctx context.Context, s *content.Store, ref string, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if !content.IsIndex(desc.MediaType) {
		return nil, fmt.Errorf("image named %s already exists in cache and is not an index; remove it with \"linuxkit cache rm\"", ref)
	}
	index, err := s.ReadIndex(ctx, desc)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return index.Manifests, nil
}

// complete reports whether the cache has all of the image for a platform.
func complete(ctx context.Context, s *content.Store, list []ocispec.Descriptor, p ocispec.Platform) bool {
	i := slices.IndexFunc(list, func(d ocispec.Descriptor) bool { return imagepkg.SamePlatform(d.Platform, &p) })
	if i < 0 {
		return false
	}
	m, err := s.ReadManifest(ctx, list[i])
	return err == nil && s.Has(ctx, m.Config) && !slices.ContainsFunc(m.Layers, func(d ocispec.Descriptor) bool { return !s.Has(ctx, d) })
}

// replaceIndex makes ref an index of exactly list.
func replaceIndex(ctx context.Context, s *content.Store, ref string, list []ocispec.Descriptor) error {
	desc, err := writeIndex(ctx, s, list)
	if err != nil {
		return err
	}
	desc.Annotations = map[string]string{imagepkg.AnnotationBuilt: "true"}
	return s.Tag(ctx, ref, desc)
}

// errStale says that an index changed while a successor was made.
var errStale = errors.New("the index has changed")

// extendIndex puts images into the index named ref, which is made if absent.
// The new index is written outside of the lock of the cache and thrown away
// if another process was quicker.
func extendIndex(ctx context.Context, s *content.Store, ref string, images []ocispec.Descriptor) error {
	var base *ocispec.Descriptor
	var next ocispec.Descriptor
	for {
		err := s.Update(ctx, ref, func(old *ocispec.Descriptor) (ocispec.Descriptor, error) {
			if next.Digest != "" && digestOf(old) == digestOf(base) {
				return next, nil
			}
			base = old
			return ocispec.Descriptor{}, errStale
		})
		if !errors.Is(err, errStale) {
			return err
		}
		if next, err = extended(ctx, s, ref, base, images); err != nil {
			return err
		}
	}
}

func extended(ctx context.Context, s *content.Store, ref string, old *ocispec.Descriptor, images []ocispec.Descriptor) (ocispec.Descriptor, error) {
	var present []ocispec.Descriptor
	if old != nil {
		var err error
		if present, err = readIndex(ctx, s, ref, *old); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	return writeIndex(ctx, s, imagepkg.Merge(present, images))
}

func digestOf(d *ocispec.Descriptor) digest.Digest {
	if d == nil {
		return ""
	}
	return d.Digest
}

func writeIndex(ctx context.Context, s *content.Store, list []ocispec.Descriptor) (ocispec.Descriptor, error) {
	data, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: list,
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return s.Put(ctx, ocispec.MediaTypeImageIndex, data)
}

package image

import (
	"context"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// ArchName is the name under which the image for one platform of an index is
// kept besides.
func ArchName(ref string, p ocispec.Platform) string {
	name := ref + "-" + p.Architecture
	if v := NormalVariant(p); v != "" {
		name += "-" + v
	}
	return name
}

// archChildren returns the Linux images of an index by name; nothing for
// anything else, and for names that end in a digest.
func archChildren(ctx context.Context, s *content.Store, ref string, root ocispec.Descriptor) (map[string]ocispec.Descriptor, error) {
	root, err := withMediaType(ctx, s, root)
	if err != nil || !content.IsIndex(root.MediaType) || strings.Contains(ref, "@") {
		return nil, err
	}
	index, err := s.ReadIndex(ctx, root)
	if err != nil {
		return nil, err
	}
	return Arches(ref, index), nil
}

// TagArches names the images of an index by architecture, those that the cache
// holds.
func TagArches(ctx context.Context, s *content.Store, ref string, root ocispec.Descriptor) error {
	children, err := archChildren(ctx, s, ref, root)
	if err != nil {
		return err
	}
	for name, d := range children {
		if !s.Has(ctx, d) {
			continue
		}
		// What the index says of its child says nothing about the cache.
		d.Annotations = nil
		if err := s.Tag(ctx, name, d); err != nil {
			return err
		}
	}
	return nil
}

// archNames returns those names of the cache that [TagArches], or the build of
// a package, made for images that the index named ref holds.
func archNames(ctx context.Context, s *content.Store, n content.Named) ([]string, error) {
	children, err := archChildren(ctx, s, n.Ref, n.Descriptor)
	if err != nil || len(children) == 0 {
		return nil, err
	}
	all, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, other := range all {
		d, ok := children[other.Ref]
		if ok && holds(ctx, s, other.Descriptor, d) {
			names = append(names, other.Ref)
		}
	}
	return names, nil
}

// holds tells whether root is the manifest d, or an index of it.
func holds(ctx context.Context, s *content.Store, root, d ocispec.Descriptor) bool {
	if root.Digest == d.Digest {
		return true
	}
	children, err := s.Children(ctx, root)
	if err != nil {
		return false
	}
	for _, c := range children {
		if c.Digest == d.Digest {
			return true
		}
	}
	return false
}

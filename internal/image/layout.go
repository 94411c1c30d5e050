package image

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// Layout is what an OCI image layout of an image holds.
type Layout struct {
	// Root is the index, or the manifest of an image that has none.
	Root ocispec.Descriptor
	// Blobs are all blobs, each once: for each manifest its configuration, its
	// layers and itself, then the index.
	Blobs []ocispec.Descriptor

	store *content.Store
}

// Open reads one of the blobs. Reading to its end compares it with its digest.
func (l *Layout) Open(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	return l.store.Verified(ctx, desc)
}

// Layout finds an image with the given platforms, or all that its index lists
// and the attestations if there are none.
func (r *Resolver) Layout(ctx context.Context, ref string, platforms []ocispec.Platform) (*Layout, error) {
	var l *Layout
	err := r.find(ctx, ref, platforms, func(root ocispec.Descriptor) (err error) {
		if l, err = openLayout(ctx, r.Store, ref, root, platforms); err != nil {
			return err
		}
		return r.checkLayout(ctx, ref, root, platforms)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (r *Resolver) checkLayout(ctx context.Context, ref string, root ocispec.Descriptor, platforms []ocispec.Platform) error {
	if r.Check == nil {
		return nil
	}
	if len(platforms) == 0 {
		return r.Check(ctx, Found{Ref: ref, Root: root, Manifest: root})
	}
	for _, p := range platforms {
		manifest, err := choose(ctx, r.Store, root, p)
		if err != nil {
			return fmt.Errorf("image %s: %w", ref, err)
		}
		found := Found{Ref: ref, Root: root, Manifest: manifest, Platform: p, Built: r.builtHere(ctx, ref, manifest, p)}
		if err := r.Check(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// CheckPulled applies check, which may be nil, to each image of those platforms,
// all if there are none, that was pulled from a registry.
func CheckPulled(ctx context.Context, s *content.Store, check func(context.Context, Found) error, ref string, root ocispec.Descriptor, platforms []ocispec.Platform) error {
	if check == nil {
		return nil
	}
	images := []ocispec.Descriptor{root}
	if content.IsIndex(root.MediaType) {
		index, err := s.ReadIndex(ctx, root)
		if err != nil {
			return err
		}
		if images, _, err = Select(index, platforms); err != nil {
			return err
		}
	}
	for _, d := range images {
		if err := check(ctx, Found{Ref: ref, Root: root, Manifest: d}); err != nil {
			return err
		}
	}
	return nil
}

// openLayout is [Resolver.Layout] for an image that is in the cache. Errors are
// those of [Open].
func openLayout(ctx context.Context, s *content.Store, ref string, root ocispec.Descriptor, platforms []ocispec.Platform) (*Layout, error) {
	root, err := withMediaType(ctx, s, root)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	l := &Layout{Root: root, store: s}
	c := &collector{store: s, platforms: platforms, seen: map[digest.Digest]bool{}}
	if content.IsManifest(root.MediaType) {
		for _, p := range platforms {
			if _, err := Open(ctx, s, ref, root, p); err != nil {
				return nil, err
			}
		}
	}
	if err := c.add(ctx, root, maxNesting); err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	l.Blobs = c.blobs
	return l, nil
}

// collector gathers blobs in the order of a layout.
type collector struct {
	store     *content.Store
	platforms []ocispec.Platform
	seen      map[digest.Digest]bool
	blobs     []ocispec.Descriptor
}

func (c *collector) add(ctx context.Context, d ocispec.Descriptor, depth int) error {
	if depth < 0 {
		return fmt.Errorf("%w: index %s is nested too deeply", content.ErrInvalid, d.Digest)
	}
	if c.seen[d.Digest] {
		return nil
	}
	if !c.store.Has(ctx, d) {
		return fmt.Errorf("blob %s: %w", d.Digest, content.ErrNotFound)
	}
	children, err := c.children(ctx, d)
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := c.add(ctx, child, depth-1); err != nil {
			return err
		}
	}
	if !c.seen[d.Digest] {
		c.seen[d.Digest] = true
		c.blobs = append(c.blobs, d)
	}
	return nil
}

// children are those that the layout holds.
func (c *collector) children(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if !content.IsIndex(d.MediaType) {
		return c.store.Children(ctx, d)
	}
	index, err := c.store.ReadIndex(ctx, d)
	if err != nil || len(c.platforms) == 0 {
		return index.Manifests, err
	}
	images, _, err := Select(index, c.platforms)
	return images, err
}

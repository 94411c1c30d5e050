package image

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// find looks for ref in one place after the other until open succeeds.
func (r *Resolver) find(ctx context.Context, ref string, platforms []ocispec.Platform, open func(root ocispec.Descriptor) error) error {
	want, err := r.pinned(ref)
	if err != nil {
		return err
	}
	if want == "" {
		return r.findNamed(ctx, ref, platforms, open)
	}
	return r.findPinned(ctx, ref, want, platforms, func(root ocispec.Descriptor) error {
		if root.Digest != want {
			return fmt.Errorf("image %s: %w: %s is wanted and %s was found", ref, content.ErrNotFound, want, root.Digest)
		}
		return open(root)
	})
}

func (r *Resolver) pinned(ref string) (digest.Digest, error) {
	if r.Pin == nil {
		return "", nil
	}
	return r.Pin(ref)
}

// findPinned looks for the image of a digest, whatever its name stands for by
// now.
func (r *Resolver) findPinned(ctx context.Context, ref string, want digest.Digest, platforms []ocispec.Platform, open func(root ocispec.Descriptor) error) error {
	name, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	name.Digest = want
	missing, err := r.lookUp(ctx, name.String(), ref, platforms, open, func() error { return r.openBuilt(ctx, ref, want, open) })
	if missing {
		err = r.explain(ctx, ref, want, err)
	}
	return err
}

// openBuilt opens what was just built. The commit that a package is built from
// is part of its image, so that it may be another one although its name is the
// same.
func (r *Resolver) openBuilt(ctx context.Context, ref string, want digest.Digest, open func(root ocispec.Descriptor) error) error {
	root, err := r.Store.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	if root.Digest != want {
		return fmt.Errorf("image %s is locked to %s, and building it here gave %s; use a cache or registry that has the former, or lock the latter", ref, want, root.Digest)
	}
	return open(root)
}

// explain says what the name of an image that cannot be had stands for now.
func (r *Resolver) explain(ctx context.Context, ref string, want digest.Digest, err error) error {
	now, known := r.Store.Resolve(ctx, ref)
	if known != nil {
		if remote, ok := r.Remote.(interface {
			Resolve(ctx context.Context, ref string) (ocispec.Descriptor, error)
		}); ok {
			now, known = remote.Resolve(ctx, ref)
		}
	}
	if known != nil || now.Digest == want {
		return err
	}
	return fmt.Errorf("image %s is locked to %s, and is %s now: %w", ref, want, now.Digest, err)
}

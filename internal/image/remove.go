package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Lookup returns the entries of the cache with these names: as listed, else
// the ones that the names expand to. All must be there, or the error is
// [content.ErrNotFound].
func Lookup(ctx context.Context, s *content.Store, names []string) ([]content.Named, error) {
	all, err := s.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("error reading image names: %w", err)
	}
	var found []content.Named
	for _, name := range names {
		i := slices.IndexFunc(all, func(n content.Named) bool { return n.Ref == name })
		if i < 0 {
			i = slices.IndexFunc(all, func(n content.Named) bool { return reference.Same(n.Ref, name) })
		}
		if i < 0 {
			return nil, fmt.Errorf("error reading image %s: could not find image or index for %s: %w; see linuxkit cache ls", name, name, content.ErrNotFound)
		}
		found = append(found, all[i])
	}
	return found, nil
}

// Remove removes an entry of the cache, those of its architectures, signatures
// that have lost what they sign, and the blobs that only these need.
func Remove(ctx context.Context, s *content.Store, n content.Named) error {
	names, err := archNames(ctx, s, n)
	if err != nil {
		progress.Debugf(ctx, "image %s is incomplete: %v", n.Ref, err)
	}
	manifests := Manifests(ctx, s, n.Descriptor)
	progress.Infof(ctx, "removing image %s from cache", n.Ref)
	if err := deleteNames(ctx, s, append(names, n.Ref)); err != nil {
		return err
	}
	name, err := reference.Parse(n.Ref)
	if err != nil {
		return nil // such a name has no signatures
	}
	signatures, err := orphans(ctx, s, name, manifests)
	if err != nil {
		return err
	}
	return deleteNames(ctx, s, signatures)
}

func deleteNames(ctx context.Context, s *content.Store, names []string) error {
	for _, name := range names {
		// It may be gone meanwhile, or have gone together with its index.
		if err := s.Delete(ctx, name); err != nil && !errors.Is(err, content.ErrNotFound) {
			return err
		}
	}
	return nil
}

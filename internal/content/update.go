package content

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Tag makes ref name desc, which must be stored. An older entry of that name
// is replaced.
func (s *Store) Tag(ctx context.Context, ref string, desc ocispec.Descriptor) error {
	return s.Update(ctx, ref, func(*ocispec.Descriptor) (ocispec.Descriptor, error) { return desc, nil })
}

// Update changes what ref names: fn gets the current descriptor, nil if there
// is none, and returns the new one. No other process changes the index in
// between, so fn must be quick; an error of fn leaves all as it was.
func (s *Store) Update(ctx context.Context, ref string, fn func(old *ocispec.Descriptor) (ocispec.Descriptor, error)) error {
	if ref == "" {
		return errors.New("cannot write descriptor without reference name")
	}
	return s.change(ctx, func(i *ocispec.Index) error {
		desc, err := fn(exact(i, ref))
		if err != nil {
			return err
		}
		if !s.Has(ctx, desc) {
			return fmt.Errorf("name %s: blob %s: %w", ref, desc.Digest, ErrNotFound)
		}
		desc.Annotations = maps.Clone(desc.Annotations)
		if desc.Annotations == nil {
			desc.Annotations = map[string]string{}
		}
		desc.Annotations[ocispec.AnnotationRefName] = ref
		drop(i, ref)
		i.Manifests = append(i.Manifests, desc)
		return nil
	})
}

// Remove removes the entry of exactly that name. Blobs stay, see
// [Store.Collect].
func (s *Store) Remove(ctx context.Context, ref string) error {
	return s.change(ctx, func(i *ocispec.Index) error {
		if !drop(i, ref) {
			return fmt.Errorf("remove %s: %w", ref, ErrNotFound)
		}
		return nil
	})
}

func exact(i *ocispec.Index, ref string) *ocispec.Descriptor {
	for n := len(i.Manifests) - 1; n >= 0; n-- {
		if i.Manifests[n].Annotations[ocispec.AnnotationRefName] == ref {
			d := i.Manifests[n]
			return &d
		}
	}
	return nil
}

func drop(i *ocispec.Index, ref string) bool {
	before := len(i.Manifests)
	i.Manifests = slices.DeleteFunc(i.Manifests, func(d ocispec.Descriptor) bool {
		return d.Annotations[ocispec.AnnotationRefName] == ref
	})
	return len(i.Manifests) < before
}

// change rewrites the index under the lock. Before that the directories of
// blobs are made durable: an index never names what a power loss could take.
func (s *Store) change(ctx context.Context, fn func(*ocispec.Index) error) error {
	if err := s.Init(ctx); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.initLocked(); err != nil {
		return err
	}
	i, err := s.readIndex()
	if err != nil {
		return fmt.Errorf("%s of the cache is damaged, restore or remove it: %w", s.path(indexFile), err)
	}
	if err := fn(i); err != nil {
		return err
	}
	data, err := encodeIndex(i)
	if err != nil {
		return err
	}
	if err := s.syncBlobDirs(); err != nil {
		return err
	}
	return s.writeFile(indexFile, data)
}

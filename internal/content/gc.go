package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxDepth bounds how deep indexes may be nested.
const maxDepth = 8

// Walk calls fn for desc and everything it refers to, each blob once. What is
// missing or damaged ends a branch and is reported by the error that fn gets
// for it.
func (s *Store) Walk(ctx context.Context, desc ocispec.Descriptor, fn func(d ocispec.Descriptor, err error) error) error {
	return s.walk(ctx, desc, map[digest.Digest]bool{}, maxDepth, fn)
}

func (s *Store) walk(ctx context.Context, desc ocispec.Descriptor, seen map[digest.Digest]bool, depth int, fn func(ocispec.Descriptor, error) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if seen[desc.Digest] {
		return nil
	}
	seen[desc.Digest] = true
	var children []ocispec.Descriptor
	var err error
	switch {
	case depth == 0:
		err = fmt.Errorf("%w: index %s is nested too deeply", ErrInvalid, desc.Digest)
	case !s.Has(ctx, desc):
		err = fmt.Errorf("blob %s: %w", desc.Digest, ErrNotFound)
	default:
		children, err = s.Children(ctx, desc)
	}
	if err := fn(desc, err); err != nil {
		return err
	}
	for _, c := range children {
		if err := s.walk(ctx, c, seen, depth-1, fn); err != nil {
			return err
		}
	}
	return nil
}

// reach adds to set what desc refers to. Only what cannot be read at all is an
// error: an incomplete image keeps what it has.
func (s *Store) reach(ctx context.Context, desc ocispec.Descriptor, set map[digest.Digest]bool) error {
	return s.walk(ctx, desc, set, maxDepth, func(_ ocispec.Descriptor, err error) error {
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrInvalid) {
			return nil
		}
		return err
	})
}

// Delete removes the entries of exactly these names, then the blobs that only
// they referred to. While another process writes to the cache blobs stay for a
// later [Store.Collect].
func (s *Store) Delete(ctx context.Context, refs ...string) error {
	candidates := map[digest.Digest]bool{}
	err := s.change(ctx, func(i *ocispec.Index) error {
		for _, ref := range refs {
			d := exact(i, ref)
			if d == nil {
				return fmt.Errorf("remove %s: %w", ref, ErrNotFound)
			}
			if err := s.reach(ctx, *d, candidates); err != nil {
				return err
			}
			drop(i, ref)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.collect(ctx, false, func(d digest.Digest, _ os.FileInfo) bool { return candidates[d] })
	if errors.Is(err, ErrBusy) {
		return nil
	}
	return err
}

// Collect removes blobs that no name refers to and that are older than age. It
// returns how many bytes that freed, or [ErrBusy].
func (s *Store) Collect(ctx context.Context, age time.Duration) (freed int64, err error) {
	got, err := s.collect(ctx, false, olderThan(age))
	return got.BlobBytes, err
}

func olderThan(age time.Duration) func(digest.Digest, os.FileInfo) bool {
	limit := time.Now().Add(-age)
	return func(_ digest.Digest, info os.FileInfo) bool { return !info.ModTime().After(limit) }
}

// Limits say what [Store.CollectGarbage] removes.
type Limits struct {
	// Age keeps blobs that were written, and derived things that were used,
	// since.
	Age time.Duration
	// Size is how many bytes blobs and derived things may take together; the
	// derived things used least recently go first. Negative means no limit.
	// What names refer to stays in any case.
	Size int64
	// DryRun only counts.
	DryRun bool
}

// Collected counts what was removed.
type Collected struct {
	Blobs, Derived          int
	BlobBytes, DerivedBytes int64
}

// CollectGarbage removes what nothing needs: blobs without name, leftovers of
// writers that died, and derived things beyond the limits. The error is
// [ErrBusy] while another process writes to the cache.
func (s *Store) CollectGarbage(ctx context.Context, l Limits) (Collected, error) {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return Collected{}, nil
	}
	if !l.DryRun {
		s.removeStale()
	}
	got, err := s.collect(ctx, l.DryRun, olderThan(l.Age))
	if err != nil {
		return got, err
	}
	left := int64(0)
	if err := s.eachBlob(func(_ digest.Digest, info os.FileInfo) error { left += info.Size(); return nil }); err != nil {
		return got, err
	}
	if l.DryRun {
		left -= got.BlobBytes
	}
	err = s.derived.trim(l, left, &got)
	return got, err
}

// collect removes the wanted blobs that no name refers to.
func (s *Store) collect(ctx context.Context, dry bool, wanted func(digest.Digest, os.FileInfo) bool) (got Collected, err error) {
	err = s.alone(ctx, func() error {
		unlock, err := s.lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
		keep := map[digest.Digest]bool{}
		i, err := s.readIndex()
		if err != nil {
			return err
		}
		for _, d := range i.Manifests {
			if err := s.reach(ctx, d, keep); err != nil {
				return err
			}
		}
		got, err = s.sweep(dry, func(d digest.Digest, info os.FileInfo) bool { return !keep[d] && wanted(d, info) })
		return err
	})
	return got, err
}

// sweep removes the blobs that unwanted selects.
func (s *Store) sweep(dry bool, unwanted func(digest.Digest, os.FileInfo) bool) (got Collected, err error) {
	err = s.eachBlob(func(d digest.Digest, info os.FileInfo) error {
		if !unwanted(d, info) {
			return nil
		}
		name, err := s.blobPath(d)
		if err == nil && !dry {
			err = os.Remove(s.path(name))
		}
		if err == nil {
			got.Blobs++
			got.BlobBytes += info.Size()
		}
		return err
	})
	return got, err
}

// eachBlob calls fn for every file that is named like a blob.
func (s *Store) eachBlob(fn func(digest.Digest, os.FileInfo) error) error {
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA384, digest.SHA512} {
		entries, err := os.ReadDir(s.path(blobsDir, algorithm.String()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			d := digest.NewDigestFromEncoded(algorithm, e.Name())
			info, err := e.Info()
			if d.Validate() != nil || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := fn(d, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// Clean removes the whole directory, or returns [ErrBusy].
func (s *Store) Clean(ctx context.Context) error {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := s.alone(ctx, func() error {
		unlock, err := s.lock(ctx)
		if err != nil {
			return err
		}
		defer unlock()
		return s.removeContent()
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// removeContent removes names first, so that no name outlives its blobs.
func (s *Store) removeContent() error {
	for _, name := range []string{indexFile, layoutFile, blobsDir, derivedDir, ingestDir} {
		if err := os.RemoveAll(s.path(name)); err != nil {
			return err
		}
	}
	return nil
}

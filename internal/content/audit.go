package content

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// Damage is a blob that is not as it should be.
type Damage struct {
	ocispec.Descriptor
	// Refs are the names that need the blob, none if no name does.
	Refs []string
	// Err is [ErrCorrupt], [ErrNotFound] or [ErrInvalid].
	Err error
}

// Audit is what [Store.Audit] found.
type Audit struct {
	// Blobs and Bytes are how much was read.
	Blobs int
	Bytes int64
	// Damaged are first the blobs with wrong content, then the missing ones.
	Damaged []Damage
}

// Audit reads every blob and compares it with its digest, then looks whether
// all is there that the names need. The images that an index lists for
// platforms which were never pulled are not missed. Nothing is changed.
func (s *Store) Audit(ctx context.Context) (*Audit, error) {
	a := &auditor{store: s, bad: map[digest.Digest]error{}}
	if err := a.hash(ctx); err != nil {
		return nil, fmt.Errorf("verify cache %s: %w", s.dir, err)
	}
	return a.finish(ctx)
}

// AuditNames is [Store.Audit] without reading the blobs again, for who has
// repaired what known lists.
func (s *Store) AuditNames(ctx context.Context, known *Audit) (*Audit, error) {
	a := &auditor{store: s, bad: map[digest.Digest]error{}}
	a.Blobs, a.Bytes = known.Blobs, known.Bytes
	for _, d := range known.Damaged {
		err := s.Verify(ctx, ocispec.Descriptor{Digest: d.Digest})
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrInvalid) {
			a.bad[d.Digest] = err
		}
	}
	return a.finish(ctx)
}

type auditor struct {
	Audit
	store *Store
	mu    sync.Mutex
	bad   map[digest.Digest]error
	found map[digest.Digest]*Damage
}

// hash fills bad with the blobs of wrong content.
func (a *auditor) hash(ctx context.Context) error {
	type blob struct {
		digest.Digest
		size int64
	}
	var blobs []blob
	if err := a.store.eachBlob(func(d digest.Digest, info os.FileInfo) error {
		blobs = append(blobs, blob{d, info.Size()})
		a.Bytes += info.Size()
		return nil
	}); err != nil {
		return err
	}
	a.Blobs = len(blobs)
	task := progress.From(ctx).Task("verify cache", a.Bytes)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, b := range blobs {
		g.Go(func() error {
			err := a.check(gctx, b.Digest)
			task.Add(b.size)
			return err
		})
	}
	err := g.Wait()
	task.Done(err)
	return err
}

func (a *auditor) check(ctx context.Context, d digest.Digest) error {
	err := a.store.Verify(ctx, ocispec.Descriptor{Digest: d})
	switch {
	case err == nil, errors.Is(err, ErrNotFound): // it may be gone meanwhile
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	// What cannot be read is as bad as what reads wrong.
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bad[d] = err
	return nil
}

// finish finds out who needs what is bad, and what is missing.
func (a *auditor) finish(ctx context.Context) (*Audit, error) {
	a.found = map[digest.Digest]*Damage{}
	all, err := a.store.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if err := a.need(ctx, n.Ref, n.Descriptor, maxDepth); err != nil {
			return nil, err
		}
	}
	for d, err := range a.bad {
		if a.found[d] == nil {
			a.found[d] = &Damage{Descriptor: ocispec.Descriptor{Digest: d}, Err: err}
		}
	}
	for _, d := range a.found {
		a.Damaged = append(a.Damaged, *d)
	}
	slices.SortFunc(a.Damaged, func(x, y Damage) int {
		if lost := errors.Is(x.Err, ErrNotFound); lost != errors.Is(y.Err, ErrNotFound) {
			if lost {
				return 1
			}
			return -1
		}
		return slices.Compare([]string{x.Digest.String()}, []string{y.Digest.String()})
	})
	return &a.Audit, nil
}

func (a *auditor) report(ref string, d ocispec.Descriptor, err error) {
	known := a.found[d.Digest]
	if known == nil {
		known = &Damage{Descriptor: d, Err: err}
		a.found[d.Digest] = known
	}
	if !slices.Contains(known.Refs, ref) {
		known.Refs = append(known.Refs, ref)
	}
}

// need reports what is wrong with a blob that ref needs, and with what that
// refers to.
func (a *auditor) need(ctx context.Context, ref string, d ocispec.Descriptor, depth int) error {
	if err := ctx.Err(); err != nil || depth == 0 {
		return err
	}
	if err := a.bad[d.Digest]; err != nil {
		a.report(ref, d, err)
		return nil
	}
	if !a.store.Has(ctx, d) {
		a.report(ref, d, fmt.Errorf("blob %s: %w", d.Digest, ErrNotFound))
		return nil
	}
	children, err := a.store.Children(ctx, d)
	if err != nil {
		a.report(ref, d, err)
		return nil
	}
	for _, c := range a.present(ctx, children) {
		if err := a.need(ctx, ref, c, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// present leaves out the images that were never pulled; all are missed if not
// one is there.
func (a *auditor) present(ctx context.Context, children []ocispec.Descriptor) []ocispec.Descriptor {
	there := slices.DeleteFunc(slices.Clone(children), func(d ocispec.Descriptor) bool {
		image := IsIndex(d.MediaType) || IsManifest(d.MediaType)
		return image && a.bad[d.Digest] == nil && !a.store.Has(ctx, d)
	})
	if len(there) == 0 {
		return children
	}
	return there
}

// Discard removes a blob whose content is wrong, so that it counts as missing
// and can be fetched or built anew. A blob that is right stays.
func (s *Store) Discard(ctx context.Context, d digest.Digest) error {
	unlock, err := s.LockBlob(ctx, d)
	if err != nil {
		return err
	}
	defer unlock()
	err = s.Verify(ctx, ocispec.Descriptor{Digest: d})
	if err == nil || errors.Is(err, ErrNotFound) || ctx.Err() != nil {
		return ctx.Err()
	}
	name, err := s.blobPath(d)
	if err != nil {
		return err
	}
	if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove damaged blob %s: %w", d, err)
	}
	return nil
}

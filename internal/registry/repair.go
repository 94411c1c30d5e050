package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Repair fetches anew what an audit of the store found, under the names of the
// images that need it. What cannot be fetched is discarded, so that it does not
// pass for whole. It returns what was repaired and what is still wrong: behind
// a manifest that was lost more may turn out to be missing, so that it goes on
// as long as something gets better. What is wrong in the registry, too, is
// fetched once and stays.
func (c *Client) Repair(ctx context.Context, audit *content.Audit) (repaired []content.Damage, left *content.Audit, err error) {
	var silent image.Silent
	fetched := map[digest.Digest]bool{}
	for {
		better := false
		for _, d := range audit.Damaged {
			if fetched[d.Digest] {
				continue
			}
			if c.mend(ctx, d, &silent) {
				better, fetched[d.Digest] = true, true
				repaired = append(repaired, d)
			} else if err := c.opts.Store.Discard(ctx, d.Digest); err != nil {
				return nil, nil, err
			}
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
		}
		if audit, err = c.opts.Store.AuditNames(ctx, audit); err != nil {
			return nil, nil, err
		}
		if !better {
			return withoutDamaged(repaired, audit), audit, nil
		}
	}
}

// withoutDamaged leaves out what is still wrong after it was fetched.
func withoutDamaged(repaired []content.Damage, left *content.Audit) []content.Damage {
	return slices.DeleteFunc(repaired, func(r content.Damage) bool {
		return slices.ContainsFunc(left.Damaged, func(d content.Damage) bool { return d.Digest == r.Digest })
	})
}

// mend asks for a blob under each of its names.
func (c *Client) mend(ctx context.Context, d content.Damage, silent *image.Silent) bool {
	for _, ref := range d.Refs {
		name, err := reference.Parse(ref)
		if err != nil || silent.Known(name.Host) != nil || ctx.Err() != nil {
			continue
		}
		if err = c.fetchAnew(ctx, ref, d.Descriptor); err == nil {
			return true
		}
		silent.Note(ctx, name.Host, err)
		progress.Debugf(ctx, "%v", err)
	}
	return false
}

// Holds tells whether the registry has exactly the image of the store under
// its name; if not, why is told.
func (c *Client) Holds(ctx context.Context, n content.Named) (bool, error) {
	desc, err := c.Resolve(ctx, n.Ref)
	if err != nil {
		progress.Infof(ctx, "image %s not found in remote registry, leaving in cache", n.Ref)
		progress.Debugf(ctx, "%v", err)
		return false, ctx.Err()
	}
	if desc.Digest != n.Digest {
		progress.Infof(ctx, "image %s has mismatched hashes, cache %s vs remote registry %s, leaving in cache", n.Ref, n.Digest, desc.Digest)
		return false, nil
	}
	return true, nil
}

// fetchAnew stores a blob or manifest of the image that ref names anew, whether
// the store has it or not. The error is [image.ErrUnreachable] if no registry
// answers.
func (c *Client) fetchAnew(ctx context.Context, ref string, desc ocispec.Descriptor) error {
	name, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	unlock, err := c.opts.Store.LockBlob(ctx, desc.Digest)
	if err != nil {
		return err
	}
	defer unlock()
	var failures []error
	for _, t := range c.opts.Mirrors.targets(name) {
		s, err := c.session(ctx, access{target: t})
		if err == nil {
			err = c.refetch(ctx, s, desc)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		failures = append(failures, err)
	}
	return fmt.Errorf("fetch blob %s of %s: %w", desc.Digest, ref, failure(ctx, failures))
}

func (c *Client) refetch(ctx context.Context, s *session, desc ocispec.Descriptor) error {
	if !content.IsIndex(desc.MediaType) && !content.IsManifest(desc.MediaType) {
		return c.fetch(ctx, s, desc)
	}
	desc, data, err := s.manifest(ctx, desc.Digest.String())
	if err != nil {
		return err
	}
	return c.keep(ctx, document{desc, data})
}

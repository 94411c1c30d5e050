package registry

import (
	"context"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Refetch stores a blob or manifest of the image that ref names anew, whether
// the store has it or not. The error is [image.ErrUnreachable] if no registry
// answers.
func (c *Client) Refetch(ctx context.Context, ref string, desc ocispec.Descriptor) error {
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

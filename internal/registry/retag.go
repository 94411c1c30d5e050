package registry

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Retag makes the name to stand for what from stands for in its registry. The
// content is copied if it is in another repository. The cache is not used.
func (c *Client) Retag(ctx context.Context, from, to string) error {
	desc, data, _, err := c.root(ctx, from, 0)
	if err != nil {
		return fmt.Errorf("error getting manifest for from image %s: %w", from, err)
	}
	source, err := reference.Parse(from)
	if err != nil {
		return err
	}
	target, err := reference.Parse(to)
	if err != nil {
		return err
	}
	s, err := c.session(ctx, access{target: c.opts.Mirrors.origin(target), write: true})
	if err != nil {
		return fmt.Errorf("push to %s: %w", to, err)
	}
	switch same, err := s.compare(ctx, target, from, desc.Digest); {
	case err != nil || same:
		return err
	case source.Locator() == target.Locator():
		return s.putManifest(ctx, target.Object(), document{desc, data})
	default:
		return c.copyImage(ctx, from, to)
	}
}

// compare tells whether a name has a digest already, and says what it finds.
func (s *session) compare(ctx context.Context, to reference.Reference, from string, want digest.Digest) (bool, error) {
	desc, _, err := s.manifest(ctx, to.Object())
	switch {
	case status(err) == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for image %s: %w", to, err)
	case desc.Digest == want:
		progress.Infof(ctx, "image %s already exists in the registry, identical to %s, skipping", to, from)
		return true, nil
	}
	progress.Infof(ctx, "image %s already exists in the registry, but is different from %s, overwriting", to, from)
	return false, nil
}

// copyImage takes an image from one repository to another by way of a
// temporary cache.
func (c *Client) copyImage(ctx context.Context, from, to string) error {
	dir, err := os.MkdirTemp("", "linuxkit-copy-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := c.opts
	if opts.Store, err = content.Open(dir); err != nil {
		return err
	}
	between, err := New(opts)
	if err != nil {
		return err
	}
	if _, err := between.Pull(ctx, from, nil, 0); err != nil {
		return err
	}
	return between.Push(ctx, from, to, PushOptions{Override: true, Replace: true})
}

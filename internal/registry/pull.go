package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// maxNesting bounds how deep indexes are followed.
const maxNesting = 4

// Resolve asks the registry what ref names.
func (c *Client) Resolve(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	desc, _, _, err := c.root(ctx, ref, 0)
	return desc, err
}

// root fetches what ref names from the first place that has it; the answer is
// waited for no longer than patience.
func (c *Client) root(ctx context.Context, ref string, patience time.Duration) (ocispec.Descriptor, []byte, *session, error) {
	name, err := reference.Parse(ref)
	if err != nil {
		return ocispec.Descriptor{}, nil, nil, fmt.Errorf("error getting manifest for image %s: %w", ref, err)
	}
	waiting := ctx
	if patience > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	var failures []error
	for _, t := range c.opts.Mirrors.targets(name) {
		s, desc, data, err := c.manifestAt(waiting, t, name.Object())
		if err == nil {
			return desc, data, s, nil
		}
		failures = append(failures, err)
		if waiting.Err() != nil {
			break
		}
		if t.spare {
			progress.Debugf(ctx, "mirror %s: %v; asking the next one", t.host, err)
		}
	}
	return ocispec.Descriptor{}, nil, nil, fmt.Errorf("error getting manifest for image %s: %w", ref, failure(ctx, failures))
}

func (c *Client) manifestAt(ctx context.Context, t target, object string) (*session, ocispec.Descriptor, []byte, error) {
	a := access{target: t}
	s := c.known(a)
	if s == nil {
		return c.greet(ctx, a, object)
	}
	desc, data, err := s.manifest(ctx, object)
	return s, desc, data, err
}

// failure joins why no place had it; that is [image.ErrUnreachable] if none
// answered.
func failure(ctx context.Context, all []error) error {
	silent := 0
	for _, err := range all {
		if marked := unreachable(ctx, err); errors.Is(marked, image.ErrUnreachable) {
			silent++
		}
	}
	joined := all[0]
	if len(all) > 1 {
		joined = errors.Join(all...)
	}
	if silent == len(all) {
		return unreachable(ctx, joined)
	}
	return joined
}

// Pull implements [image.Remote]. Of an index the images for the platforms and
// the attestations about them are stored, all that it lists if there is no
// platform.
func (c *Client) Pull(ctx context.Context, ref string, platforms []ocispec.Platform, patience time.Duration) (ocispec.Descriptor, error) {
	// What is there must stay until it has a name.
	release, err := c.opts.Store.Pin(ctx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer release()
	desc, data, s, err := c.root(ctx, ref, patience)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if !c.opts.Bare {
		progress.Infof(ctx, "Pull image: %s", ref)
	}
	if err := c.tree(ctx, s, desc, data, platforms); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("pull image %s: %w", ref, err)
	}
	return desc, c.opts.Store.Tag(ctx, ref, desc)
}

// tree stores a manifest or index after all that it refers to.
func (c *Client) tree(ctx context.Context, s *session, desc ocispec.Descriptor, data []byte, platforms []ocispec.Platform) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.opts.Parallel)
	p := &pull{client: c, session: s, bare: map[digest.Digest]bool{desc.Digest: c.opts.Bare}, fetch: func(d ocispec.Descriptor) { g.Go(func() error { return c.blob(gctx, s, d) }) }}
	err := p.add(gctx, desc, data, platforms, maxNesting)
	if waitErr := g.Wait(); waitErr != nil {
		err = waitErr
	}
	if err != nil {
		return err
	}
	// Manifests last: one that is there is complete.
	for _, m := range p.manifests {
		if err := c.keep(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

type document struct {
	desc ocispec.Descriptor
	data []byte
}

func (c *Client) keep(ctx context.Context, m document) error {
	if c.opts.Store.Has(ctx, m.desc) {
		if _, err := c.opts.Store.ReadAll(ctx, m.desc); err == nil {
			return nil
		}
	}
	w, err := c.opts.Store.Create(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	w.Replace = true
	if _, err := w.Write(m.data); err != nil {
		return err
	}
	_, err = w.Commit(ctx, m.desc.MediaType, m.desc.Digest)
	return err
}

// pull is the walk over what is to be fetched.
type pull struct {
	client  *Client
	session *session
	fetch   func(ocispec.Descriptor)
	// bare are the images whose layers are not wanted.
	bare map[digest.Digest]bool
	// manifests are kept in the order of their dependencies.
	manifests []document
}

func (p *pull) add(ctx context.Context, desc ocispec.Descriptor, data []byte, platforms []ocispec.Platform, depth int) error {
	var err error
	switch {
	case depth == 0:
		err = fmt.Errorf("%w: index %s is nested too deeply", content.ErrInvalid, desc.Digest)
	case content.IsIndex(desc.MediaType):
		err = p.addIndex(ctx, data, platforms, depth)
	default:
		err = p.addImage(ctx, desc, data, platforms, depth)
	}
	p.manifests = append(p.manifests, document{desc, data})
	return err
}

func (p *pull) addIndex(ctx context.Context, data []byte, platforms []ocispec.Platform, depth int) error {
	index, err := content.DecodeIndex(data)
	if err != nil {
		return err
	}
	images, attestations, err := image.Select(index, platforms)
	if err != nil {
		return err
	}
	for _, child := range images {
		p.bare[child.Digest] = p.client.opts.Bare
	}
	for _, child := range append(images, attestations...) {
		if !content.IsIndex(child.MediaType) && !content.IsManifest(child.MediaType) {
			p.fetch(child)
			continue
		}
		desc, data, err := p.child(ctx, child)
		if err != nil {
			return err
		}
		if err := p.add(ctx, desc, data, platforms, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// child returns a manifest from the store or else from the registry.
func (p *pull) child(ctx context.Context, child ocispec.Descriptor) (ocispec.Descriptor, []byte, error) {
	data, err := p.client.opts.Store.ReadAll(ctx, child)
	if err == nil {
		child.MediaType, err = content.DetectMediaType(data)
		return child, data, err
	}
	desc, data, err := p.session.manifest(ctx, child.Digest.String())
	if err != nil {
		return desc, nil, fmt.Errorf("manifest %s: %w", child.Digest, err)
	}
	if child.Size > 0 && desc.Size != child.Size {
		return desc, nil, fmt.Errorf("manifest %s: %w: %d bytes instead of %d", child.Digest, content.ErrSize, desc.Size, child.Size)
	}
	return desc, data, nil
}

// addImage fetches the blobs of an image; one that no index says the platform
// of is asked for it before its layers are.
func (p *pull) addImage(ctx context.Context, desc ocispec.Descriptor, data []byte, platforms []ocispec.Platform, depth int) error {
	m, err := content.DecodeManifest(data)
	if err != nil {
		return fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	if depth == maxNesting && len(platforms) > 0 {
		if err := p.check(ctx, m.Config, platforms); err != nil {
			return err
		}
	}
	if p.bare[desc.Digest] {
		m.Layers = nil
	}
	seen := map[digest.Digest]bool{}
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			p.fetch(d)
		}
	}
	return nil
}

func (p *pull) check(ctx context.Context, config ocispec.Descriptor, platforms []ocispec.Platform) error {
	if err := p.client.blob(ctx, p.session, config); err != nil {
		return err
	}
	data, err := p.client.opts.Store.ReadAll(ctx, config)
	if err != nil {
		return err
	}
	var is ocispec.Platform
	if err := json.Unmarshal(data, &is); err != nil {
		return fmt.Errorf("configuration %s: %w: %w", config.Digest, content.ErrInvalid, err)
	}
	return image.Check(is, platforms)
}

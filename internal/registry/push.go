package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// PushOptions say how an image is pushed.
type PushOptions struct {
	// ArchTags gives each image of an index a name of its own besides,
	// see [image.ArchName].
	ArchTags bool
	// Override pushes even if the name exists in the registry.
	Override bool
	// Replace replaces an index of the registry instead of extending it.
	Replace bool
	// Say receives the lines that tell what happens; nil discards them.
	Say func(line string)
}

// Push sends the image that the cache has under the name local to the
// registry, under the name remote. Mirrors are not asked. An index that the
// registry has under that name already is extended, not replaced. Nothing
// changes in the cache.
func (c *Client) Push(ctx context.Context, local, remote string, opts PushOptions) error {
	to, err := reference.Parse(remote)
	if err != nil {
		return fmt.Errorf("could not parse reference for %s: %w", remote, err)
	}
	p := &push{client: c, opts: opts, local: local, remote: remote, to: to}
	p.say("Pushing local %s as %s", local, remote)
	return p.run(ctx)
}

// push is the way of one image to a registry.
type push struct {
	client        *Client
	opts          PushOptions
	local, remote string
	to            reference.Reference
	session       *session

	once  sync.Once
	found map[digest.Digest]string // see sources
}

func (p *push) say(format string, args ...any) {
	if p.opts.Say != nil {
		p.opts.Say(fmt.Sprintf(format, args...))
	}
}

func (p *push) run(ctx context.Context) error {
	release, err := p.client.opts.Store.Pin(ctx)
	if err != nil { // a cache that cannot be written can still be pushed from
		progress.Debugf(ctx, "the cache is read without lock: %v", err)
		release = func() {}
	}
	defer release()
	if p.session, err = p.client.session(ctx, access{target: p.client.opts.Mirrors.origin(p.to), write: true}); err != nil {
		return fmt.Errorf("push to %s: %w", p.remote, err)
	}
	theirs, old, err := p.session.manifest(ctx, p.to.Object())
	if s := status(err); err != nil && s != http.StatusNotFound && s != http.StatusForbidden {
		return fmt.Errorf("push to %s: look for the image there: %w", p.remote, err)
	}
	if err == nil && !p.opts.Override {
		progress.Infof(ctx, "image %s already exists in the registry, skipping", p.remote)
		return nil
	}
	root, err := p.client.opts.Store.Resolve(ctx, p.local)
	if err != nil {
		return fmt.Errorf("could not find image or index for %s: %w", p.local, err)
	}
	data, err := p.client.opts.Store.ReadAll(ctx, root)
	if err != nil {
		return err
	}
	if root.MediaType, err = content.DetectMediaType(data); err != nil {
		return fmt.Errorf("image %s: %w", p.local, err)
	}
	if content.IsIndex(root.MediaType) {
		return p.index(ctx, document{root, data}, document{theirs, old})
	}
	return p.image(ctx, document{root, data}, theirs.Digest)
}

func (p *push) image(ctx context.Context, own document, theirs digest.Digest) error {
	if own.desc.Digest == theirs {
		p.say("%s image already available on remote registry, skipping push", p.remote)
		return nil
	}
	if err := p.tree(ctx, own); err != nil {
		return err
	}
	if err := p.session.putManifest(ctx, p.to.Object(), own); err != nil {
		return err
	}
	p.say("Pushed image %s", p.local)
	return nil
}

func (p *push) index(ctx context.Context, own, theirs document) error {
	next, changed := own, true
	if !p.opts.Replace && content.IsIndex(theirs.desc.MediaType) && theirs.desc.Digest != own.desc.Digest {
		var err error
		if next.data, changed, err = image.MergeIndex(theirs.data, own.data); err != nil {
			return err
		}
		next.desc = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(next.data), Size: int64(len(next.data))}
	}
	if own.desc.Digest == theirs.desc.Digest || !changed {
		p.say("%s index already available on remote registry, skipping push", p.remote)
	} else {
		if err := p.tree(ctx, own); err != nil {
			return err
		}
		if err := p.session.putManifest(ctx, p.to.Object(), next); err != nil {
			return err
		}
		p.say("Pushed index %s", p.local)
	}
	return p.arches(ctx, own)
}

// arches names those images of the index that the cache has whole.
func (p *push) arches(ctx context.Context, own document) error {
	if !p.opts.ArchTags || p.to.Digest != "" {
		p.say("Skipping push of individual images in the index %s", p.local)
		return nil
	}
	p.say("pushing individual images in the index %s", p.local)
	index, err := content.DecodeIndex(own.data)
	if err != nil {
		return err
	}
	children := image.Arches(p.to.Object(), index)
	for _, tag := range slices.Sorted(maps.Keys(children)) {
		data, err := p.client.opts.Store.ReadAll(ctx, children[tag])
		if errors.Is(err, content.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		child := document{children[tag], data}
		if child.desc.MediaType, err = content.DetectMediaType(data); err != nil {
			return err
		}
		if err := p.tree(ctx, child); err != nil {
			return err
		}
		if err := p.session.putManifest(ctx, tag, child); err != nil {
			return err
		}
	}
	return nil
}

// tree uploads all that a manifest or index refers to, but not itself.
func (p *push) tree(ctx context.Context, root document) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(p.client.opts.Parallel)
	w := &upwalk{push: p, seen: map[digest.Digest]bool{root.desc.Digest: true},
		send: func(d ocispec.Descriptor) { g.Go(func() error { return p.blob(gctx, d) }) }}
	err := w.children(gctx, root, maxNesting)
	if waitErr := g.Wait(); waitErr != nil {
		err = waitErr
	}
	if err != nil {
		return err
	}
	// What refers to something comes after it.
	for _, m := range w.manifests {
		if err := p.session.putManifest(ctx, m.desc.Digest.String(), m); err != nil {
			return err
		}
	}
	return nil
}

// upwalk visits what is to be uploaded.
type upwalk struct {
	push      *push
	send      func(ocispec.Descriptor)
	seen      map[digest.Digest]bool
	manifests []document
}

func (w *upwalk) children(ctx context.Context, parent document, depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: index %s is nested too deeply", content.ErrInvalid, parent.desc.Digest)
	}
	children, err := w.push.client.opts.Store.Children(ctx, parent.desc)
	if err != nil {
		return err
	}
	for _, d := range children {
		if w.seen[d.Digest] {
			continue
		}
		w.seen[d.Digest] = true
		if !content.IsIndex(d.MediaType) && !content.IsManifest(d.MediaType) {
			w.send(d)
		} else if err := w.child(ctx, d, depth); err != nil {
			return err
		}
	}
	return nil
}

// child visits a manifest. One that the cache lacks, for a platform that was
// not pulled, must be in the registry already.
func (w *upwalk) child(ctx context.Context, d ocispec.Descriptor, depth int) error {
	data, err := w.push.client.opts.Store.ReadAll(ctx, d)
	if errors.Is(err, content.ErrNotFound) {
		if there, headErr := w.push.session.exists(ctx, "/manifests/"+d.Digest.String()); there || headErr != nil {
			return headErr
		}
		what := "manifest " + d.Digest.String()
		if d.Platform != nil {
			what = "the image for " + image.Format(*d.Platform)
		}
		return fmt.Errorf("%s of %s is neither in the cache nor in the registry; pull it with: linuxkit cache pull %s", what, w.push.local, w.push.local)
	}
	if err != nil {
		return err
	}
	m := document{d, data}
	if m.desc.MediaType, err = content.DetectMediaType(data); err != nil {
		return fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	if err := w.children(ctx, m, depth-1); err != nil {
		return err
	}
	w.manifests = append(w.manifests, m)
	return nil
}

// putManifest uploads a manifest or index under a tag or its digest.
func (s *session) putManifest(ctx context.Context, object string, m document) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.base+"/manifests/"+object, bytes.NewReader(m.data))
	if err != nil {
		return err
	}
	resp, err := s.do(req, map[string]string{"Content-Type": m.desc.MediaType}, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return fmt.Errorf("push manifest %s as %s: %w", m.desc.Digest, object, err)
	}
	return resp.Body.Close()
}

// exists tells whether the registry has something. What may not be looked at
// counts as absent: whether it may be written shows when that is tried.
func (s *session) exists(ctx context.Context, path string) (bool, error) {
	resp, err := s.request(ctx, http.MethodHead, path, map[string]string{"Accept": manifestTypes}, http.StatusOK)
	switch s := status(err); {
	case s == http.StatusNotFound, s == http.StatusForbidden, s == http.StatusMethodNotAllowed:
		return false, nil
	case err != nil:
		return false, err
	}
	return true, resp.Body.Close()
}

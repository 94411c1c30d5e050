package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// Reuse saves pulling images of which an earlier output holds all that is
// needed. The result is the same as without it: what an image would become is
// known by the digests of its layers before they are fetched.
type Reuse struct {
	Tar *OldTar
	// Describe finds an image without its layers.
	Describe func(ctx context.Context, ref string, p ocispec.Platform) (*image.Image, error)
	// Kernel lets the kernel be taken from the tar, too. Outputs that need to
	// know its configuration need its image.
	Kernel bool
}

// reuse plans with images that are only described where the tar has the rest.
func (p *planner) reuse(ctx context.Context) (*System, error) {
	whole := map[string]bool{}
	p.found = func(ctx context.Context, ref string, platform ocispec.Platform) (*image.Image, error) {
		if whole[ref] {
			return p.opts.Images.Image(ctx, ref, platform)
		}
		return p.describe(ctx, ref, platform)
	}
	sys, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	before := map[string]*image.Image{}
	for ref, img := range p.lacking(sys) {
		whole[ref], before[ref] = true, img
	}
	if len(whole) > 0 {
		if sys, err = p.plan(ctx); err != nil {
			return nil, err
		}
	}
	for _, img := range p.images {
		if was := before[img.Ref]; was != nil && was.Descriptor.Digest != img.Descriptor.Digest {
			return nil, fmt.Errorf("image %s changed during the build: it was %s and is %s; build again", img.Ref, was.Descriptor.Digest, img.Descriptor.Digest)
		}
	}
	p.take(ctx, sys)
	return sys, nil
}

// describe finds an image in the cache, or without layers, or in any other
// place.
func (p *planner) describe(ctx context.Context, ref string, platform ocispec.Platform) (*image.Image, error) {
	img, err := p.opts.Images.Cached(ctx, ref, platform)
	if err == nil || !errors.Is(err, content.ErrNotFound) && !errors.Is(err, image.ErrNoPlatform) {
		return img, err
	}
	img, err = p.opts.Reuse.Describe(ctx, ref, platform)
	if err == nil {
		return img, nil
	}
	progress.Debugf(ctx, "%v", err)
	return p.opts.Images.Image(ctx, ref, platform)
}

// lacking are the bare images that something is needed of which the tar does
// not have.
func (p *planner) lacking(sys *System) map[string]*image.Image {
	lack := map[string]*image.Image{}
	need := func(img *image.Image, key string, allowed bool) {
		if img != nil && img.Bare && (!allowed || !p.opts.Reuse.Tar.has(key)) {
			lack[img.Ref] = img
		}
	}
	for _, s := range sys.Segments {
		need(s.image, s.Key, s.Location != kernelLocation || p.opts.Reuse.Kernel)
	}
	for _, f := range []*BootFile{sys.Kernel, sys.UCode} {
		if f != nil {
			need(f.image, f.Key, p.opts.Reuse.Kernel)
		}
	}
	return lack
}

// take makes segments of bare images come from the tar.
func (p *planner) take(ctx context.Context, sys *System) {
	old, used := p.opts.Reuse.Tar, false
	for _, s := range sys.Segments {
		if s.image == nil || !s.image.Bare {
			continue
		}
		used = true
		s.Title = fmt.Sprintf("Copy %s files from input tar: %s", s.Location, s.Source)
		s.walk = func(ctx context.Context, _ *Tree, emit Emit) error { return old.walk(ctx, s.Key, emit) }
	}
	for _, f := range []*BootFile{sys.Kernel, sys.UCode} {
		if f != nil && f.image.Bare {
			used = true
			f.Read = func(ctx context.Context, fn func(size, mode int64, r io.Reader) error) error {
				return old.walk(ctx, f.Key, func(e *Entry) error { return fn(e.Header.Size, e.Header.Mode, e.Content) })
			}
		}
	}
	if !used {
		progress.Infof(ctx, "Nothing is taken from the input tar: the images are in the cache, or it does not have them")
	}
}

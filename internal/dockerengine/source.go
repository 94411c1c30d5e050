package dockerengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// Source is an engine as a place where images are looked for before the cache;
// it implements [image.Place]. An engine that does not answer has no images.
type Source struct {
	// Engine is asked; it must be set.
	Engine *Engine
	// Store receives the images. They get no names there.
	Store *content.Store

	mu     sync.Mutex
	silent error // why the engine is not asked any more
}

var _ image.Place = (*Source)(nil)

// Find implements [image.Place]. An image for another architecture than the
// wanted one counts as absent. What was taken once is not transferred again.
func (s *Source) Find(ctx context.Context, ref string, p ocispec.Platform) (ocispec.Descriptor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := s.find(ctx, ref, p)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("image %s from docker: %w: %w", ref, content.ErrNotFound, err)
	}
	return root, err
}

func (s *Source) find(ctx context.Context, ref string, p ocispec.Platform) (ocispec.Descriptor, error) {
	if s.silent != nil {
		return ocispec.Descriptor{}, s.silent
	}
	info, err := s.Engine.Inspect(ctx, ref)
	if err != nil {
		if !errors.Is(err, ErrNoImage) && ctx.Err() == nil {
			s.silent = err
		}
		return ocispec.Descriptor{}, err
	}
	if info.Architecture != "" && info.Architecture != p.Architecture || info.OS != "" && info.OS != p.OS {
		return ocispec.Descriptor{}, fmt.Errorf("%w: it has %s/%s", image.ErrNoPlatform, info.OS, info.Architecture)
	}
	key := "docker image\x00" + info.ID
	if root, ok := s.known(ctx, key, ref, p); ok {
		return root, nil
	}
	root, err := s.take(ctx, ref)
	if err == nil {
		err = s.remember(ctx, key, root)
	}
	return root, err
}

// known returns what an image became when it was taken before, if all of that
// is still there.
func (s *Source) known(ctx context.Context, key, ref string, p ocispec.Platform) (root ocispec.Descriptor, ok bool) {
	// Nobody may remove it between the look and the use.
	release, err := s.Store.Pin(ctx)
	if err != nil {
		return root, false
	}
	defer release()
	f, err := s.Store.Derived().Get(ctx, key)
	if err != nil {
		return root, false
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, maxConfig)).Decode(&root) != nil {
		return root, false
	}
	_, err = image.Open(ctx, s.Store, ref, root, p)
	return root, err == nil
}

func (s *Source) remember(ctx context.Context, key string, root ocispec.Descriptor) error {
	w, err := s.Store.Derived().Create(ctx, key)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := json.NewEncoder(w).Encode(root); err != nil {
		return err
	}
	return w.Commit()
}

func (s *Source) take(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	progress.Infof(ctx, "Take image from docker: %s", ref)
	archive, err := s.Engine.Save(ctx, ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer archive.Close()
	roots, err := image.Load(ctx, s.Store, archive)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(roots) == 0 {
		return ocispec.Descriptor{}, errors.New("docker sent an archive without image")
	}
	root := roots[0]
	root.Annotations = nil
	return root, nil
}

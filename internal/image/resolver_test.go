package image

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// fakeRemote is a registry that holds what pull does.
type fakeRemote struct {
	mu    sync.Mutex
	calls []time.Duration // the patience of each call
	pull  func(ctx context.Context, ref string, patience time.Duration) (ocispec.Descriptor, error)
}

func (f *fakeRemote) Pull(ctx context.Context, ref string, _ []ocispec.Platform, patience time.Duration) (ocispec.Descriptor, error) {
	f.mu.Lock()
	f.calls = append(f.calls, patience)
	f.mu.Unlock()
	return f.pull(ctx, ref, patience)
}

const ref = "x.io/a:1"

// provide stores and names an image.
func provide(t *testing.T, s *content.Store, p ocispec.Platform) ocispec.Descriptor {
	root := putIndex(t, s, putImage(t, s, p))
	tag(t, s, ref, root)
	return root
}

var errAnswer = errors.New("manifest unknown")

func TestResolverOrder(t *testing.T) {
	has := func(t *testing.T, s *content.Store) *fakeRemote {
		return &fakeRemote{pull: func(context.Context, string, time.Duration) (ocispec.Descriptor, error) {
			return provide(t, s, amd64), nil
		}}
	}
	fails := func(err error) func(*testing.T, *content.Store) *fakeRemote {
		return func(*testing.T, *content.Store) *fakeRemote {
			return &fakeRemote{pull: func(context.Context, string, time.Duration) (ocispec.Descriptor, error) {
				return ocispec.Descriptor{}, err
			}}
		}
	}
	slow := func(t *testing.T, s *content.Store) *fakeRemote {
		return &fakeRemote{pull: func(_ context.Context, _ string, patience time.Duration) (ocispec.Descriptor, error) {
			if patience > 0 {
				return ocispec.Descriptor{}, ErrUnreachable
			}
			return provide(t, s, amd64), nil
		}}
	}
	away := fmt.Errorf("%w: no route", ErrUnreachable)
	builds := func(t *testing.T, s *content.Store) (bool, error) { provide(t, s, amd64); return true, nil }
	declines := func(*testing.T, *content.Store) (bool, error) { return false, nil }
	errBuild := errors.New("build failed")
	for _, c := range []struct {
		name   string
		cached *ocispec.Platform
		pull   bool
		remote func(*testing.T, *content.Store) *fakeRemote
		build  func(*testing.T, *content.Store) (bool, error)
		calls  int
		built  int
		err    error
	}{
		{name: "cached", cached: &amd64, remote: has, build: builds},
		{name: "cached, always pull", cached: &amd64, pull: true, remote: has, build: builds, calls: 1},
		{name: "cached, always pull, failing", cached: &amd64, pull: true, remote: fails(errAnswer), build: builds, calls: 1, err: errAnswer},
		{name: "cached for another platform", cached: &arm64, remote: has, calls: 1},
		{name: "cached for another platform, built", cached: &arm64, remote: fails(errAnswer), build: builds, calls: 1, built: 1},
		{name: "cached for another platform only", cached: &arm64, remote: fails(errAnswer), calls: 1, err: ErrNoPlatform},
		{name: "pulled", remote: has, build: builds, calls: 1},
		{name: "built", remote: fails(errAnswer), build: builds, calls: 1, built: 1},
		{name: "built, registry away", remote: fails(away), build: builds, calls: 1, built: 1},
		{name: "no package, answered", remote: fails(errAnswer), build: declines, calls: 1, built: 1, err: errAnswer},
		{name: "no package, registry away", remote: fails(away), build: declines, calls: 2, built: 1, err: ErrUnreachable},
		{name: "no package, slow registry", remote: slow, build: declines, calls: 2, built: 1},
		{name: "build fails", remote: fails(away), build: func(*testing.T, *content.Store) (bool, error) { return true, errBuild }, calls: 1, built: 1, err: errBuild},
		{name: "nowhere", remote: fails(errAnswer), calls: 1, err: errAnswer},
		{name: "no registry", err: content.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t)
			r := &Resolver{Store: s, Pull: c.pull}
			remote := &fakeRemote{}
			if c.remote != nil {
				remote = c.remote(t, s)
				r.Remote = remote
			}
			built := 0
			if c.build != nil {
				r.Build = func(context.Context, string, ocispec.Platform) (bool, error) { built++; return c.build(t, s) }
			}
			if c.cached != nil {
				provide(t, s, *c.cached)
			}
			img, err := r.Image(t.Context(), ref, amd64)
			if !errors.Is(err, c.err) || c.err == nil && img.Config.Architecture != "amd64" {
				t.Errorf("Image = %v, %v", img, err)
			}
			if len(remote.calls) != c.calls || built != c.built {
				t.Errorf("%d requests, %d builds", len(remote.calls), built)
			}
		})
	}
}

// A registry that was away once is not asked again as long as packages can be
// built instead.
func TestResolverRemembersHosts(t *testing.T) {
	s := newStore(t)
	remote := &fakeRemote{pull: func(context.Context, string, time.Duration) (ocispec.Descriptor, error) {
		return ocispec.Descriptor{}, ErrUnreachable
	}}
	r := &Resolver{Store: s, Remote: remote}
	r.Build = func(ctx context.Context, ref string, p ocispec.Platform) (bool, error) {
		return true, s.Tag(ctx, ref, putImage(t, s, p))
	}
	for i := range 3 {
		if _, err := r.Image(t.Context(), fmt.Sprintf("x.io/a:%d", i), amd64); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Image(t.Context(), "y.io/a:1", amd64); err != nil {
		t.Fatal(err)
	}
	if len(remote.calls) != 2 || remote.calls[0] != shortPatience {
		t.Errorf("requests: %v", remote.calls)
	}
}

// An image of the cache that lost a blob is pulled again.
func TestResolverMends(t *testing.T) {
	s := newStore(t)
	provide(t, s, amd64)
	img, err := (&Resolver{Store: s}).Image(t.Context(), ref, amd64)
	if err != nil {
		t.Fatal(err)
	}
	lose(t, s, img.Manifest.Layers[0])
	if _, err := (&Resolver{Store: s}).Image(t.Context(), ref, amd64); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("without registry: %v", err)
	}
	remote := &fakeRemote{pull: func(context.Context, string, time.Duration) (ocispec.Descriptor, error) {
		return provide(t, s, amd64), nil
	}}
	if _, err := (&Resolver{Store: s, Remote: remote}).Image(t.Context(), ref, amd64); err != nil {
		t.Error(err)
	}
}

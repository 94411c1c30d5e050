package image

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// TestPin moves a name away from the image that is wanted.
func TestPin(t *testing.T) {
	s, ctx := recorded(t), t.Context()
	const ref = "docker.io/conf/app:v1"
	app, err := s.Resolve(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Resolve(ctx, "docker.io/conf/layers:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, ref, other); err != nil {
		t.Fatal(err)
	}
	refused, gone := errors.New("refused"), digest.FromString("gone")
	builds := func(context.Context, string, ocispec.Platform) (bool, error) { return true, nil }
	knowsNot := func(context.Context, string, ocispec.Platform) (bool, error) { return false, nil }
	moved := placeFunc(func(string) (ocispec.Descriptor, error) { return other, nil })
	pin := func(d digest.Digest, err error) func(string) (digest.Digest, error) {
		return func(string) (digest.Digest, error) { return d, err }
	}
	for name, c := range map[string]struct {
		r    *Resolver
		want digest.Digest
		err  error
		text string
	}{
		"any":          {&Resolver{Pin: pin("", nil)}, other.Digest, nil, ""},
		"pinned":       {&Resolver{Pin: pin(app.Digest, nil)}, app.Digest, nil, ""},
		"refused":      {&Resolver{Pin: pin("", refused)}, "", refused, ""},
		"place":        {&Resolver{Pin: pin(app.Digest, nil), Before: []Place{moved}}, app.Digest, nil, ""},
		"place is it":  {&Resolver{Pin: pin(other.Digest, nil), Before: []Place{moved}}, other.Digest, nil, ""},
		"gone":         {&Resolver{Pin: pin(gone, nil)}, "", content.ErrNotFound, "locked to " + gone.String() + ", and is " + other.Digest.String()},
		"other build":  {&Resolver{Pin: pin(gone, nil), Build: builds}, "", nil, "building it here gave " + other.Digest.String()},
		"no package":   {&Resolver{Pin: pin(gone, nil), Build: knowsNot}, "", content.ErrNotFound, "locked to"},
		"pull demands": {&Resolver{Pin: pin(app.Digest, nil), Pull: true}, "", content.ErrNotFound, ""},
	} {
		c.r.Store = s
		img, err := c.r.Image(ctx, ref, amd64)
		switch {
		case c.want != "":
			if err != nil || img.Root.Digest != c.want || img.Ref != ref {
				t.Errorf("%s: %v, %v", name, img, err)
			}
		case err == nil, c.err != nil && !errors.Is(err, c.err), !strings.Contains(err.Error(), c.text):
			t.Errorf("%s: %v", name, err)
		}
		if l, err := c.r.Layout(ctx, ref, []ocispec.Platform{amd64}); c.want != "" && (err != nil || l.Root.Digest != c.want) && len(c.r.Before) == 0 {
			t.Errorf("%s: layout %v, %v", name, l, err)
		}
	}
}

// TestPinSlowRegistry waits for a registry if the image cannot be built.
func TestPinSlowRegistry(t *testing.T) {
	s := newStore(t)
	elsewhere := newStore(t)
	root := putIndex(t, elsewhere, putImage(t, elsewhere, amd64))
	remote := &fakeRemote{pull: func(_ context.Context, _ string, patience time.Duration) (ocispec.Descriptor, error) {
		if patience > 0 {
			return ocispec.Descriptor{}, ErrUnreachable
		}
		return putIndex(t, s, putImage(t, s, amd64)), nil
	}}
	r := &Resolver{Store: s, Remote: remote, Pin: func(string) (digest.Digest, error) { return root.Digest, nil },
		Build: func(context.Context, string, ocispec.Platform) (bool, error) { return false, nil }}
	if img, err := r.Image(t.Context(), ref, amd64); err != nil || img.Root.Digest != root.Digest {
		t.Errorf("%v, %v", img, err)
	}
}

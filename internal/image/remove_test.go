package image

import (
	"context"
	"errors"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/reference"
)

func refs(all []content.Named) (names []string) {
	for _, n := range all {
		names = append(names, n.Ref)
	}
	slices.Sort(names)
	return names
}

func TestLookup(t *testing.T) {
	s := newStore(t)
	d := putImage(t, s, amd64)
	tag(t, s, "docker.io/library/alpine:3", d)
	tag(t, s, "odd name", d)
	found, err := Lookup(t.Context(), s, []string{"odd name", "alpine:3", "docker.io/library/alpine:3"})
	if got, want := refs(found), []string{"docker.io/library/alpine:3", "docker.io/library/alpine:3", "odd name"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("found %q, %v", got, err)
	}
	if found, err := Lookup(t.Context(), s, []string{"alpine:3", "alpine:4"}); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("one is not there: %v, %v", found, err)
	}
}

// TestRemove removes what belongs to an image, and signatures only with the
// last name of what they sign.
func TestRemove(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	shared, own := putImage(t, s, amd64), putImage(t, s, arm64)
	first, second := putIndex(t, s, shared, own), putIndex(t, s, shared)
	const repository = "docker.io/x/app"
	name, err := reference.Parse(repository + ":1")
	if err != nil {
		t.Fatal(err)
	}
	var signatures []string
	for _, d := range []ocispec.Descriptor{shared, own} {
		signature, _ := SignatureNames(name, d.Digest)
		tag(t, s, signature, putIndex(t, s))
		signatures = append(signatures, signature)
	}
	for ref, d := range map[string]ocispec.Descriptor{repository + ":1": first, repository + ":2": second, "docker.io/y/other:1": second} {
		tag(t, s, ref, d)
		if err := TagArches(ctx, s, ref, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		want []string
	}{
		{repository + ":1", []string{"docker.io/x/app:2", "docker.io/x/app:2-amd64", "docker.io/y/other:1", "docker.io/y/other:1-amd64", signatures[0]}},
		{repository + ":2", []string{"docker.io/y/other:1", "docker.io/y/other:1-amd64"}},
	} {
		found, err := Lookup(ctx, s, []string{step.name})
		if err == nil {
			err = Remove(ctx, s, found[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		left, err := s.List(ctx)
		if slices.Sort(step.want); err != nil || !slices.Equal(refs(left), step.want) {
			t.Errorf("without %s there are %q, %v, want %q", step.name, refs(left), err, step.want)
		}
	}
	if s.Has(ctx, own) || !s.Has(ctx, shared) {
		t.Error("the wrong image is gone")
	}
}

func TestCheckPulled(t *testing.T) {
	s := newStore(t)
	a, r := putImage(t, s, amd64), putImage(t, s, arm64)
	index := putIndex(t, s, a, r, attest(t, s, a))
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		root      ocispec.Descriptor
		platforms []ocispec.Platform
		want      []ocispec.Descriptor
	}{
		"image":        {a, nil, []ocispec.Descriptor{a}},
		"all":          {index, nil, []ocispec.Descriptor{a, r}},
		"one platform": {index, []ocispec.Platform{arm64}, []ocispec.Descriptor{r}},
	} {
		var asked []ocispec.Descriptor
		err := CheckPulled(t.Context(), s, func(_ context.Context, f Found) error {
			if f.Ref != ref || f.Root.Digest != c.root.Digest || f.Built {
				t.Errorf("%s: asked about %+v", name, f)
			}
			if asked = append(asked, f.Manifest); len(asked) == len(c.want) {
				return refused
			}
			return nil
		}, ref, c.root, c.platforms)
		if !errors.Is(err, refused) || !slices.EqualFunc(asked, c.want, func(x, y ocispec.Descriptor) bool { return x.Digest == y.Digest }) {
			t.Errorf("%s: asked about %v, then %v", name, asked, err)
		}
		if err := CheckPulled(t.Context(), s, nil, ref, c.root, c.platforms); err != nil {
			t.Errorf("%s without policy: %v", name, err)
		}
	}
}

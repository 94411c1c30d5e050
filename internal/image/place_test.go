package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

type placeFunc func(ref string) (ocispec.Descriptor, error)

func (f placeFunc) Find(_ context.Context, ref string, _ ocispec.Platform) (ocispec.Descriptor, error) {
	return f(ref)
}

// Places come before the cache unless the registry is to be asked; what they
// lack is looked for further on, other failures are final.
func TestPlaces(t *testing.T) {
	s, ctx := recorded(t), t.Context()
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	app, err := s.Resolve(ctx, "docker.io/conf/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	absent := placeFunc(func(string) (ocispec.Descriptor, error) { return ocispec.Descriptor{}, content.ErrNotFound })
	has := placeFunc(func(string) (ocispec.Descriptor, error) { return app, nil })
	fails := placeFunc(func(string) (ocispec.Descriptor, error) { return ocispec.Descriptor{}, broken })
	const other = "docker.io/conf/layers:v1"
	for name, c := range map[string]struct {
		before []Place
		pull   bool
		want   bool // the image of the place
		err    error
	}{
		"absent":       {[]Place{absent}, false, false, nil},
		"there":        {[]Place{absent, has, fails}, false, true, nil},
		"fails":        {[]Place{fails, has}, false, false, broken},
		"pull instead": {[]Place{has}, true, false, errNoRemote},
	} {
		img, err := (&Resolver{Store: s, Before: c.before, Pull: c.pull}).Image(ctx, other, amd64)
		if !errors.Is(err, c.err) || err == nil && (img.Root.Digest == app.Digest) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every image and layout is checked, and who made it is known.
func TestCheckHook(t *testing.T) {
	s, ctx := recorded(t), t.Context()
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	const ref = "docker.io/conf/app:v1"
	refused := errors.New("refused")
	var seen []Found
	r := &Resolver{Store: s, Check: func(_ context.Context, f Found) error {
		seen = append(seen, f)
		return refused
	}}
	if img, err := r.Image(ctx, ref, amd64); !errors.Is(err, refused) || img != nil {
		t.Errorf("Image = %v, %v", img, err)
	}
	for _, platforms := range [][]ocispec.Platform{nil, {amd64}} {
		if l, err := r.Layout(ctx, ref, platforms); !errors.Is(err, refused) || l != nil {
			t.Errorf("Layout = %v, %v", l, err)
		}
	}
	if len(seen) != 3 || seen[0].Built || seen[0].Manifest.Digest == seen[0].Root.Digest || seen[2].Manifest.Digest != seen[0].Manifest.Digest {
		t.Errorf("seen: %+v", seen)
	}
	// The mark counts only for the manifest that it is on.
	mark := seen[0].Manifest
	mark.Annotations = map[string]string{AnnotationBuilt: "true"}
	if err := s.Tag(ctx, ArchName(ref, amd64), mark); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Image(ctx, ref, amd64)
	arm64 := ocispec.Platform{OS: "linux", Architecture: "arm64"}
	_, _ = r.Image(ctx, ref, arm64)
	if !seen[3].Built || seen[4].Built {
		t.Errorf("built here: %v, %v", seen[3].Built, seen[4].Built)
	}
}

// An archive or index from elsewhere cannot say that we built it.
func TestMarkIsOurs(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	mark := map[string]string{AnnotationBuilt: "true"}
	d := putImage(t, s, ocispec.Platform{OS: "linux", Architecture: "amd64"})
	d.Platform, d.Annotations = &ocispec.Platform{OS: "linux", Architecture: "amd64"}, mark
	root := putIndex(t, s, d)
	tag(t, s, "x.io/a:1", root)
	if err := TagArches(ctx, s, "x.io/a:1", root); err != nil {
		t.Fatal(err)
	}
	root.Annotations = map[string]string{AnnotationBuilt: "true", AnnotationName: "x.io/b:1-amd64"}
	data, err := json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{root}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(ctx, s, bytes.NewReader(tarOf(t, tarFile{name: "index.json", text: string(data)}))); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(ctx)
	if err != nil || len(all) != 3 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, n := range all {
		if n.Annotations[AnnotationBuilt] != "" {
			t.Errorf("%s is marked", n.Ref)
		}
	}
}

//go:build linux

package buildkit

import (
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/pkglib"
)

// built is what came of a package.
type built struct {
	layers []digest.Digest // of their content
	config digest.Digest
}

func imageOf(t *testing.T, s *content.Store, p pkglib.Pkg, platform string) *image.Image {
	t.Helper()
	want, err := image.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Open(t.Context(), s, p.FullTag(), root(t, s, p.FullTag()), want)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// buildAll builds the packages "plain" and "app" into a cache of their own.
func buildAll(t *testing.T, opts ...pkglib.BuildOpt) map[string]built {
	t.Helper()
	dir := writeRepository(t, packageFiles)
	s := newCache(t, loadPackage(t, dir, "base"))
	all := map[string]built{}
	for _, name := range []string{"plain", "app"} {
		p := loadPackage(t, dir, name)
		if _, err := build(t.Context(), s, p, opts...); err != nil {
			t.Fatal(err)
		}
		img := imageOf(t, s, p, host)
		all[name] = built{img.Config.RootFS.DiffIDs, img.Manifest.Config.Digest}
	}
	return all
}

// It does not show in an image which builder made it.
func TestBackends(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	want := buildAll(t)
	if len(want["plain"].layers) != 2 || len(want["app"].layers) != 4 {
		t.Fatalf("layers %+v", want)
	}
	check := func(t *testing.T, opts ...pkglib.BuildOpt) {
		for name, got := range buildAll(t, opts...) {
			if !slices.Equal(got.layers, want[name].layers) || got.config != want[name].config {
				t.Errorf("%s is %+v; by a child it was %+v", name, got, want[name])
			}
		}
	}
	t.Run("tls", func(t *testing.T) {
		_, r := startRemote(t, 0)
		t.Setenv("BUILDKIT_HOST", r.full())
		check(t)
	})
	t.Run("container", func(t *testing.T) {
		needBuilder(t)
		t.Setenv("BUILDKIT_HOST", "")
		check(t, pkglib.WithBuildBuilderConfig(pkglib.BuilderConfig{Name: "test-builder", Image: "builder:1"}))
	})
}

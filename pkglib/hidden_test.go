package pkglib

import (
	"os"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What the hash may not tell from other edits is built whatever the cache has.
func TestHidden(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *testRepo)
		made   int32
	}{
		"edited":   {func(r *testRepo) { r.write("pkg/foo/data", "new") }, 1},
		"new file": {func(r *testRepo) { r.write("pkg/foo/new", "new") }, 1},
		"mode":     {func(r *testRepo) { os.Chmod(r.path("pkg/foo/data"), 0o755) }, 2},
		"link":     {func(r *testRepo) { os.Symlink("a", r.path("pkg/foo/link")) }, 2},
		"deleted":  {func(r *testRepo) { os.Remove(r.path("pkg/foo/zzz")) }, 2},
	} {
		r, s, f := newTestRepo(t), newStore(t), &factory{}
		layered(r)
		c.change(r)
		l := NewLocal(WithBuildStore(s), f.option())
		ref, err := l.Package(t.Context(), r.path("pkg/foo"))
		if err != nil {
			t.Fatal(err)
		}
		p := r.load(defaults, "pkg/foo")
		if (p.Hidden() != "") != (c.made == 2) {
			t.Errorf("%s: hidden %q", name, p.Hidden())
		}
		if err := p.Build(t.Context(), WithBuildStore(s), f.option(), WithBuildPlatforms("linux/amd64")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			desc, err := l.Find(t.Context(), ref, ocispec.Platform{OS: "linux", Architecture: "amd64"})
			if found := err == nil && desc.Digest != ""; found != (c.made == 2) {
				t.Errorf("%s: %v, %v", name, desc.Digest, err)
			}
		}
		if f.made.Load() != c.made {
			t.Errorf("%s: made %d images, want %d", name, f.made.Load(), c.made)
		}
	}
}

func TestHiddenTellsApart(t *testing.T) {
	hidden := map[string]string{}
	for name, change := range map[string]func(r *testRepo){
		"mode":    func(r *testRepo) { os.Chmod(r.path("pkg/foo/data"), 0o755) },
		"link":    func(r *testRepo) { os.Symlink("a", r.path("pkg/foo/link")) },
		"other":   func(r *testRepo) { os.Symlink("b", r.path("pkg/foo/link")) },
		"outside": func(r *testRepo) { r.write("pkg/bar/new", "new") },
		"again":   func(r *testRepo) { r.write("pkg/bar/new", "other") },
	} {
		r := newTestRepo(t)
		change(r)
		cfg := defaults
		cfg.HashPath = r.path("pkg")
		p := r.load(cfg, "pkg/foo")
		if want := r.tree("pkg") + dirty("image: foo\n", "data\n", "zzz\n"); p.Hash() != want {
			t.Errorf("%s: hash %s, want %s", name, p.Hash(), want)
		}
		if other, twice := hidden[p.Hidden()]; twice || p.Hidden() == "" {
			t.Errorf("%s: hidden %q, as with %q", name, p.Hidden(), other)
		}
		hidden[p.Hidden()] = name
	}
}

package pkglib

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/linuxkit/linuxkit/internal/gittest"
)

// The tree of pkg/foo, and that of pkg/bar mixed with lib, computed once by
// hand: ls-tree, and sha1sum of the two ids.
const (
	goldenFoo = "2931855dca6e1cc8cee7597b60291076782a2d86"
	goldenBar = "7f773cb9203f984d825c86f944ae65593a1a9c04"
)

func TestGoldenHashes(t *testing.T) {
	r := newTestRepo(t)
	if got := r.hash("pkg/foo"); got != goldenFoo || got != r.tree("pkg/foo") {
		t.Errorf("hash of foo %s, want %s", got, goldenFoo)
	}
	if got := r.hash("pkg/bar"); got != goldenBar || got != mixed(r.tree("pkg/bar"), r.tree("lib")) {
		t.Errorf("hash of bar %s, want %s", got, goldenBar)
	}
}

func TestHash(t *testing.T) {
	const yml, data, zzz = "image: foo\n", "data\n", "zzz\n"
	head := func(cfg PkglibConfig) PkglibConfig { cfg.BuildYML, cfg.HashCommit = "build.yml", "HEAD"; return cfg }
	for name, c := range map[string]struct {
		change func(r *testRepo)
		cfg    func(r *testRepo) PkglibConfig
		want   func(r *testRepo) string
	}{
		"edited": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, "new", zzz) },
		},
		"untracked": {
			change: func(r *testRepo) { r.write("pkg/foo/a", "new") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz, "new") },
		},
		"untracked in a quoted name": {
			change: func(r *testRepo) { r.write("pkg/foo/ä\"", "new") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz, "new") },
		},
		"staged only": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new"); r.git("add", "-A") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, "new", zzz) },
		},
		"staged and taken back in the work tree": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new"); r.git("add", "-A"); r.write("pkg/foo/data", data) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") },
		},
		"deleted": {
			change: func(r *testRepo) { os.Remove(r.path("pkg/foo/data")) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, zzz) },
		},
		"renamed": {
			change: func(r *testRepo) { r.git("mv", "pkg/foo/data", "pkg/foo/zzzz") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, zzz, data) },
		},
		"mode": {
			change: func(r *testRepo) { os.Chmod(r.path("pkg/foo/data"), 0o755) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz) },
		},
		"file to link": {
			change: func(r *testRepo) { os.Remove(r.path("pkg/foo/data")); os.Symlink("zzz", r.path("pkg/foo/data")) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, zzz) },
		},
		"untracked link": {
			change: func(r *testRepo) { os.Symlink("zzz", r.path("pkg/foo/link")) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz) },
		},
		"untracked repository": {
			change: func(r *testRepo) { r.write("pkg/foo/mod/a", "new"); r.git("init", "-q", "pkg/foo/mod") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz) },
		},
		"merge conflict": {
			change: func(r *testRepo) {
				r.git("checkout", "-qb", "other")
				r.write("pkg/foo/data", "other\n")
				r.commit()
				r.git("checkout", "-q", "-")
				r.write("pkg/foo/data", "ours\n")
				r.commit()
				exec.Command("git", "-C", r.dir, "merge", "other").Run()
				r.write("pkg/foo/data", "new") // listed once for each side
			},
			want: func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, "new", "new", "new", zzz) },
		},
		"ignored": {
			change: func(r *testRepo) { r.write("pkg/foo/x.o", "new") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") },
		},
		"touched": {
			change: func(r *testRepo) { r.write("pkg/foo/data", data) },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") },
		},
		"sibling edited": {
			change: func(r *testRepo) { r.write("pkg/foobar/data", "new") },
			want:   func(r *testRepo) string { return r.tree("pkg/foo") },
		},
		"force dirty": {
			cfg:  func(*testRepo) PkglibConfig { return head(PkglibConfig{Dirty: true}) },
			want: func(r *testRepo) string { return r.tree("pkg/foo") + dirty(yml, data, zzz) },
		},
		"commit by its id": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new") },
			cfg: func(r *testRepo) PkglibConfig {
				return PkglibConfig{BuildYML: "build.yml", HashCommit: r.git("rev-parse", "HEAD")}
			},
			want: func(r *testRepo) string { return r.tree("pkg/foo") },
		},
		"given": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new") },
			cfg:    func(*testRepo) PkglibConfig { return head(PkglibConfig{Hash: "X", Dirty: true}) },
			want:   func(*testRepo) string { return "X" },
		},
		"dev": {
			cfg:  func(*testRepo) PkglibConfig { return head(PkglibConfig{Dev: true}) },
			want: func(*testRepo) string { return "dev" },
		},
		"hash path at the top": {
			cfg:  func(r *testRepo) PkglibConfig { return head(PkglibConfig{HashPath: r.dir}) },
			want: func(r *testRepo) string { return r.git("rev-parse", "HEAD^{tree}") },
		},
		"hash path, edited outside of the package": {
			change: func(r *testRepo) { r.write("pkg/bar/data", "new") },
			cfg:    func(r *testRepo) PkglibConfig { return head(PkglibConfig{HashPath: r.path("pkg")}) },
			want:   func(r *testRepo) string { return r.tree("pkg") + dirty(yml, data, zzz) },
		},
		"hash path, edited within the package": {
			change: func(r *testRepo) { r.write("pkg/foo/data", "new") },
			cfg:    func(r *testRepo) PkglibConfig { return head(PkglibConfig{HashPath: r.path("pkg")}) },
			want:   func(r *testRepo) string { return r.tree("pkg") + dirty(yml, "new", zzz) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("USER", "me")
			r := newTestRepo(t)
			if c.change != nil {
				c.change(r)
			}
			cfg := defaults
			if c.cfg != nil {
				cfg = c.cfg(r)
			}
			if got, want := r.load(cfg, "pkg/foo").Hash(), c.want(r); got != want {
				t.Errorf("hash %s, want %s", got, want)
			}
		})
	}
}

// Different states of the sources have different hashes, also where contents
// are equal. So they need not in the package itself, which is then built anew.
func TestHashTellsStatesApart(t *testing.T) {
	hashes := map[string]string{}
	for name, change := range map[string]func(r *testRepo){
		"clean":        func(r *testRepo) {},
		"mode":         func(r *testRepo) { os.Chmod(r.path("pkg/bar/build.yml"), 0o755) },
		"edited":       func(r *testRepo) { r.write("pkg/bar/new", "new") },
		"source mode":  func(r *testRepo) { os.Chmod(r.path("lib/lib.go"), 0o755) },
		"source link":  func(r *testRepo) { os.Symlink("a", r.path("lib/link")) },
		"other link":   func(r *testRepo) { os.Symlink("b", r.path("lib/link")) },
		"source":       func(r *testRepo) { r.write("lib/lib.go", "package other\n") },
		"source again": func(r *testRepo) { r.write("lib/lib.go", "package third\n") },
		"source new":   func(r *testRepo) { r.write("lib/new.go", "package other\n") },
		"source gone":  func(r *testRepo) { os.Remove(r.path("lib/lib.go")) },
	} {
		r := newTestRepo(t)
		change(r)
		hash := r.hash("pkg/bar")
		if other, twice := hashes[hash]; twice {
			t.Errorf("%s and %s have the same hash %s", name, other, hash)
		}
		hashes[hash] = name
		if p := r.load(defaults, "pkg/bar"); p.Dirty() != (name != "clean") {
			t.Errorf("%s: dirty is %v", name, p.Dirty())
		}
		if again := r.hash("pkg/bar"); again != hash {
			t.Errorf("%s: hash %s, then %s", name, hash, again)
		}
	}
}

func TestOrderOfSources(t *testing.T) {
	r := newTestRepo(t)
	r.write("pkg/bar/build.yml", "image: bar\nextra-sources: [\"../../lib:/lib\", \"../foo:/foo\"]\n")
	r.commit()
	if got, want := r.hash("pkg/bar"), mixed(r.tree("pkg/bar"), r.tree("lib"), r.tree("pkg/foo")); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	r.write("pkg/bar/build.yml", "image: bar\nextra-sources: [\"../foo:/foo\", \"../../lib/lib.go:/lib\"]\n")
	r.commit()
	if got, want := r.hash("pkg/bar"), mixed(r.tree("pkg/bar"), r.tree("pkg/foo"), r.tree("lib/lib.go")); got != want {
		t.Errorf("swapped, one a file: hash %s, want %s", got, want)
	}
}

func TestSourceWithinPackage(t *testing.T) {
	r := newTestRepo(t)
	r.write("pkg/foo/build.yml", "image: foo\nextra-sources: [\"sub:/sub\"]\n")
	r.write("pkg/foo/sub/a", "a")
	r.commit()
	r.write("pkg/foo/sub/b", "b")
	want := mixed(r.tree("pkg/foo"), r.tree("pkg/foo/sub")) +
		dirty("image: foo\nextra-sources: [\"sub:/sub\"]\n", "data\n", "a", "zzz\n", "b")
	if got := r.hash("pkg/foo"); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestPackageAtTop(t *testing.T) {
	r := newTestRepo(t)
	r.write("build.yml", "image: top\n")
	r.commit()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(r.dir, link); err != nil {
		t.Skip("no symbolic links here")
	}
	want := r.git("rev-parse", "HEAD^{tree}")
	for _, dir := range []string{r.dir, link} {
		pkgs, err := NewFromConfig(t.Context(), defaults, dir)
		if err != nil || pkgs[0].Hash() != want {
			t.Errorf("%s: %v, %v; want %s", dir, pkgs, err, want)
		}
	}
}

func TestPackageThroughLinkInside(t *testing.T) {
	r := newTestRepo(t)
	if err := os.Symlink("foo", r.path("pkg/link")); err != nil {
		t.Skip("no symbolic links here")
	}
	r.commit()
	if got := r.hash("pkg/link"); got != r.tree("pkg/foo") {
		t.Errorf("hash %s, want that of foo", got)
	}
}

func TestWithoutCommits(t *testing.T) {
	r := newTestRepo(t)
	r.write("new/build.yml", "image: new\n")
	r.git("init", "-q", "new")
	if _, err := NewFromConfig(t.Context(), defaults, r.path("new")); err == nil || !strings.Contains(err.Error(), "exit status 128") {
		t.Error(err)
	}
	cfg := defaults
	cfg.Hash = "X"
	if p := r.load(cfg, "new"); p.Hash() != "X" || !p.Dirty() {
		t.Errorf("hash %s, dirty %v", p.Hash(), p.Dirty())
	}
}

func TestHashPathIsNoPrefix(t *testing.T) {
	r := newTestRepo(t)
	for _, path := range []string{"lib", "pkg/fo", "pkg/foo/x"} {
		cfg := defaults
		cfg.HashPath = r.path(path)
		_, err := NewFromConfig(t.Context(), cfg, r.path("pkg/foo"))
		if err == nil || !strings.Contains(err.Error(), "Hash path is not a prefix of the package path") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestParallelLoads(t *testing.T) {
	r := newTestRepo(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			name := []string{"pkg/foo", "pkg/bar"}[i%2]
			if _, err := NewFromConfig(t.Context(), defaults, r.path(name)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkLoad50(b *testing.B) {
	dir := b.TempDir()
	var paths []string
	for i := range 50 {
		path := filepath.Join(dir, fmt.Sprintf("pkg/p%d", i))
		writeFile(b, filepath.Join(path, "build.yml"), fmt.Sprintf("image: p%d\n", i))
		paths = append(paths, path)
	}
	gittest.InitIn(b, dir)
	for b.Loop() {
		if _, err := NewFromConfig(b.Context(), defaults, paths...); err != nil {
			b.Fatal(err)
		}
	}
}

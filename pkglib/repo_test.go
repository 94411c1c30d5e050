package pkglib

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/gittest"
)

// testRepo is a repository with the packages pkg/foo and pkg/bar, the latter
// with the extra source lib, all committed by a fixed author at a fixed time.
type testRepo struct {
	*testing.T
	dir string
}

func newTestRepo(t *testing.T) *testRepo {
	t.Helper()
	r := &testRepo{t, gittest.Init(t)}
	r.write(".gitignore", "*.o\n")
	r.write("pkg/foo/build.yml", "image: foo\n")
	r.write("pkg/foo/data", "data\n")
	r.write("pkg/foo/zzz", "zzz\n")
	r.write("pkg/bar/build.yml", "image: bar\nextra-sources: [\"../../lib:/lib\"]\n")
	r.write("lib/lib.go", "package lib\n")
	r.commit()
	return r
}

func (r *testRepo) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func (r *testRepo) git(args ...string) string {
	r.Helper()
	return gittest.Run(r, r.dir, args...)
}

func (r *testRepo) write(name, text string) {
	r.Helper()
	writeFile(r.T, r.path(name), text)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *testRepo) commit() {
	r.Helper()
	gittest.Commit(r, r.dir)
}

// tree is what git itself says about a path.
func (r *testRepo) tree(name string) string {
	r.Helper()
	return r.git("rev-parse", "HEAD:"+name)
}

var defaults = PkglibConfig{BuildYML: DefaultPkgBuildYML, HashCommit: DefaultPkgCommit}

func (r *testRepo) load(cfg PkglibConfig, name string) Pkg {
	r.Helper()
	pkgs, err := NewFromConfig(r.Context(), cfg, r.path(name))
	if err != nil {
		r.Fatal(err)
	}
	return pkgs[0]
}

func (r *testRepo) hash(name string) string { r.Helper(); return r.load(defaults, name).Hash() }

// dirty is the suffix of a package whose files have these contents.
func dirty(contents ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(contents, "")))
	return "-dirty-" + hex.EncodeToString(sum[:])[:7]
}

// mixed is the hash of a package with extra sources.
func mixed(trees ...string) string {
	sum := sha1.Sum([]byte(strings.Join(trees, "")))
	return hex.EncodeToString(sum[:])
}

package pkglib

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testRepo is a repository with the packages pkg/foo and pkg/bar, the latter
// with the extra source lib, all committed by a fixed author at a fixed time.
type testRepo struct {
	*testing.T
	dir string
}

func newTestRepo(t *testing.T) *testRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "A")
		t.Setenv("GIT_"+who+"_EMAIL", "a@example.org")
		t.Setenv("GIT_"+who+"_DATE", "2026-01-02T03:04:05Z")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &testRepo{t, dir}
	r.git("init", "-q")
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
	out, err := exec.Command("git", append([]string{"-C", r.dir}, args...)...).CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
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
	r.git("add", "-A")
	r.git("commit", "-qm", "x")
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

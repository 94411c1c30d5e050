package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

// TestBootLoadersTag keeps the name of the image that of the package.
func TestBootLoadersTag(t *testing.T) {
	local := pkglib.NewLocal(pkglib.WithBuildCacheDir(t.TempDir()))
	tag, err := local.Package(t.Context(), filepath.Join("../..", bootLoadersDir))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(tag, "dirty") {
		t.Skip("tools/boot has changes that are not committed")
	}
	if want := reference.Expand(bootLoaders); tag != want {
		t.Errorf("the package is %s, the program looks for %s: change bootLoaders", tag, want)
	}
}

func TestBootLoadersRef(t *testing.T) {
	repo := t.TempDir()
	for _, dir := range []string{".git", "tools/boot", "a/b"} {
		if err := os.MkdirAll(filepath.Join(repo, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	beside := func() string { return bootLoadersBeside(filepath.Join(repo, "a/b/x.yml")) }
	if got := beside(); got != "" {
		t.Errorf("a directory without package: %q", got)
	}
	if err := os.WriteFile(filepath.Join(repo, "tools/boot/build.yml"), []byte("image: boot\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := beside(), filepath.Join(repo, "tools/boot"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	if got := bootLoadersBeside(filepath.Join(t.TempDir(), "x.yml")); got != "" {
		t.Errorf("outside of a repository: %q", got)
	}
	outside := filepath.Join(t.TempDir(), "x.yml")
	for given, want := range map[string]string{"": reference.Expand(bootLoaders), "me/loaders:1": "docker.io/me/loaders:1"} {
		if got, err := bootLoadersRef(t.Context(), nil, []string{outside}, given); err != nil || got != want {
			t.Errorf("%q: %s, %v", given, got, err)
		}
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/pkglib"
)

// TestBootLoadersTag keeps the names of the images those of the packages.
func TestBootLoadersTag(t *testing.T) {
	local := pkglib.NewLocal(pkglib.WithBuildCacheDir(t.TempDir()))
	for pkg, image := range bootLoaders {
		t.Run(string(pkg), func(t *testing.T) {
			tag, err := local.Package(t.Context(), filepath.Join("../..", string(pkg)))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tag, "dirty") {
				t.Skip("the package has changes that are not committed")
			}
			if want := reference.Expand(image); tag != want {
				t.Errorf("the package is %s, the program looks for %s: change bootLoaders", tag, want)
			}
		})
	}
}

func TestBootLoadersRef(t *testing.T) {
	repo := t.TempDir()
	for _, dir := range []string{".git", "tools/boot", "a/b"} {
		if err := os.MkdirAll(filepath.Join(repo, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	beside := func() string { return bootLoadersBeside(filepath.Join(repo, "a/b/x.yml"), bootloader.Firmware) }
	if got := beside(); got != "" {
		t.Errorf("a directory without package: %q", got)
	}
	if err := os.WriteFile(filepath.Join(repo, "tools/boot/build.yml"), []byte("image: boot\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := beside(), filepath.Join(repo, "tools/boot"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	if got := bootLoadersBeside(filepath.Join(repo, "a/b/x.yml"), bootloader.RaspberryPi); got != "" {
		t.Errorf("found %q, where there is only another package", got)
	}
	if got := bootLoadersBeside(filepath.Join(t.TempDir(), "x.yml"), bootloader.Firmware); got != "" {
		t.Errorf("outside of a repository: %q", got)
	}
	outside := filepath.Join(t.TempDir(), "x.yml")
	for given, want := range map[string]string{"": reference.Expand(bootLoaders[bootloader.RaspberryPi]), "me/loaders:1": "docker.io/me/loaders:1"} {
		if got, err := bootLoadersRef(t.Context(), nil, []string{outside}, bootloader.RaspberryPi, given); err != nil || got != want {
			t.Errorf("%q: %s, %v", given, got, err)
		}
	}
}

func TestLoaderPackages(t *testing.T) {
	for names, want := range map[string]string{
		"kernel+initrd": "[]", "rpi3": "[tools/rpi]", "raw-efi,rpi3,iso": "[tools/boot tools/rpi]",
	} {
		formats, err := output.Select(strings.Split(names, ","), "arm64")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(loaderPackages(formats)); got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
	}
}

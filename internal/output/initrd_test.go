package output

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/linuxkit/linuxkit/internal/rootfs"
	"github.com/linuxkit/linuxkit/internal/treetest"
)

// TestInitrdBoot checks that what only boots the system takes no memory of it.
func TestInitrdBoot(t *testing.T) {
	const files = `files: [{path: boot/extra, contents: x}, {path: boots, contents: y}]`
	for yaml, want := range map[string]string{
		`kernel: {image: "conf/kernel:v1", tar: none}`:                            "boot",
		"kernel: {image: \"conf/kernel:v1\", tar: none}\n" + files:                "boot boots",
		"kernel: {image: \"conf/kernelalt:v1\", binary: boot/bzImage, tar: none}": "boot",
		files:                             "boot boots",
		`files: [{path: x, contents: y}]`: "x",
	} {
		sys, _ := plan(t, yaml)
		prefix := write(t, "kernel+initrd", sys, Options{Dir: t.TempDir(), Name: "x", Arch: "amd64"})
		data, err := os.ReadFile(prefix + "-initrd.img")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := treetest.ReadInitrd(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(tree)), " "); got != want {
			t.Errorf("%s\nhas %s, want %s", yaml, got, want)
		}
	}
}

// TestArchiveFails wants nothing to run on when an archive cannot be made: what
// is left of a bubble that has ended makes the test panic.
func TestArchiveFails(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []codec{gzipCodec, zstdCodec} {
		synctest.Test(t, func(t *testing.T) {
			s := (&rootfs.Segment{Source: "x"}).From(func(_ context.Context, _ *rootfs.Tree, emit rootfs.Emit) error {
				return errors.Join(emit(plainDir("a")), broken)
			})
			if err := encodeArchive(t.Context(), s, c, io.Discard, io.Discard); !errors.Is(err, broken) {
				t.Errorf("%s: %v", c, err)
			}
			bad := plainDir("b")
			bad.Header.Typeflag = tar.TypeCont
			if err := encodeEntries([]*rootfs.Entry{plainDir("a"), bad}, c, io.Discard); err == nil {
				t.Errorf("%s: no error", c)
			}
		})
	}
}

func TestBesideTree(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  byte
		links int
		want  bool
	}{
		{"boot", tar.TypeDir, 1, false},
		{"boot/grub", tar.TypeDir, 1, true},
		{"boot/System.map", tar.TypeReg, 1, true},
		{"boot/shared", tar.TypeReg, 2, false},
		{"boot/link", tar.TypeLink, 2, false},
		{"bootstrap", tar.TypeReg, 1, false},
	} {
		e := &rootfs.Entry{Header: &tar.Header{Name: c.name, Typeflag: c.kind}, Links: c.links}
		if got := besideTree(e); got != c.want {
			t.Errorf("besideTree(%s with %d names) = %v", c.name, c.links, got)
		}
	}
}

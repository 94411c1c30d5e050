package output

import (
	"archive/tar"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

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

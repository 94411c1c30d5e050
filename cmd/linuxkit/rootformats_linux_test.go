package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/treetest"
)

// unpackers are the programs of others that extract an image to a directory.
var unpackers = map[string]struct {
	suffix  string
	command func(image, dir string) []string
	pkg     string
	// plain is set if the program does not restore the set-id and sticky bits.
	plain bool
}{
	"kernel+squashfs": {"-squashfs.img", func(image, dir string) []string {
		return []string{"unsquashfs", "-no-progress", "-d", dir, image}
	}, "squashfs-tools", false},
	"kernel+erofs": {"-erofs.img", func(image, dir string) []string {
		return []string{"fsck.erofs", "--extract=" + dir, image}
	}, "erofs-utils", true},
	"kernel+iso": {".iso", func(image, dir string) []string {
		return []string{"xorriso", "-hardlinks", "on", "-osirrox", "device_files:strict_acl_off", "-indev", image, "-extract", "/", dir}
	}, "xorriso", false},
}

// TestRootFormats compares the trees of file system images with those of tars.
func TestRootFormats(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can extract devices and owners")
	}
	cases, err := filepath.Glob(filepath.Join(conformanceDir, "cases", "*"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(cache, os.DirFS(filepath.Join(conformanceDir, "images"))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range cases {
		want := buildTree(t, cache, dir, "amd64")
		for format, u := range unpackers {
			t.Run(filepath.Base(dir)+"/"+format, func(t *testing.T) {
				out := t.TempDir()
				build(t, cache, dir, "amd64", "--format", format, "--dir", out, "--name", "x")
				root := filepath.Join(out, "root")
				words := u.command(filepath.Join(out, "x"+u.suffix), root)
				if _, err := exec.LookPath(words[0]); err != nil {
					t.Skipf("needs %s (Debian package %s)", words[0], u.pkg)
				}
				if text, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, text)
				}
				got, err := treetest.ReadDir(root)
				if err != nil {
					t.Fatal(err)
				}
				if row := got["boot"]; row.Type != "dir" || row.Mode != "0755" {
					t.Errorf("boot is %+v", row)
				}
				expected, got := treetest.WithoutBoot(want), treetest.WithoutBoot(got)
				if u.plain {
					expected, got = plain(expected), plain(got)
				}
				for _, d := range treetest.Diff(expected, got) {
					t.Error(d)
				}
			})
		}
	}
}

// plain returns the tree without set-id and sticky bits.
func plain(tree map[string]treetest.Row) map[string]treetest.Row {
	all := map[string]treetest.Row{}
	for name, row := range tree {
		row.Mode = "0" + row.Mode[1:]
		all[name] = row
	}
	return all
}

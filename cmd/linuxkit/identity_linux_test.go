package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/output"
)

// TestIdentity builds every format for every architecture again: elsewhere, at
// another time and in another zone, with what the first build left in the cache
// and without. All files are the same each time.
func TestIdentity(t *testing.T) {
	cache, config := bootableWorld(t)
	fresh := copyCache(t, cache)
	first, begun := map[string]map[string]string{}, time.Now()
	for _, arch := range worldArches[bootloader.Firmware] {
		first[arch] = buildAll(t, cache, arch, config, "UTC")
		if len(first[arch]) < len(formatsOf(arch)) {
			t.Errorf("%s: the files are %q", arch, slices.Sorted(maps.Keys(first[arch])))
		}
	}
	// FAT file systems count two seconds as one.
	time.Sleep(time.Until(begun.Add(3 * time.Second)))
	other := filepath.Join(t.TempDir(), "another", "place", "x.yml")
	if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, other, bootable)
	for how, dir := range map[string]string{"warm": cache, "cold": fresh} {
		for _, arch := range worldArches[bootloader.Firmware] {
			sameFiles(t, how+" "+arch, first[arch], buildAll(t, dir, arch, other, "Pacific/Kiritimati"))
		}
	}
}

func sameFiles(t *testing.T, how string, want, got map[string]string) {
	t.Helper()
	for name := range maps.Keys(want) {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %.12s, not %.12s", how, name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: the files are %q", how, slices.Sorted(maps.Keys(got)))
	}
}

// formatsOf returns all formats of an architecture.
func formatsOf(arch string) []string {
	return slices.Concat(formatGroups(arch)...)
}

// buildAll builds all formats in a new directory and returns the hashes of the
// files; those of each group of formats have its number before them.
func buildAll(t *testing.T, cache, arch, config, zone string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for i, group := range formatGroups(arch) {
		dir := t.TempDir()
		cmd := command(t.Context(), t, "--cache", cache, "build", "--arch", arch, "--size", "64M", "-f", strings.Join(group, ","),
			"--dir", dir, "--name", "x", "--sbom-file", filepath.Join(dir, "x.spdx.json"), config)
		cmd.Env = append(cmd.Env, "TZ="+zone)
		if err := cmd.Run(); err != nil {
			t.Fatalf("build %q for %s: %v\n%s", group, arch, err, cmd.Stderr)
		}
		for name, sum := range hashDir(t, dir) {
			sums[fmt.Sprint(i, " ", name)] = sum
		}
	}
	return sums
}

// hashDir returns the hashes of the files in a directory.
func hashDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, e := range entries {
		sums[e.Name()] = hashFile(t, filepath.Join(dir, e.Name()))
	}
	return sums
}

// copyCache returns a copy of a cache as it is now.
func copyCache(t *testing.T, cache string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS(cache)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func hashFile(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// TestFormatGroups wants each format for some architecture, and once for each.
func TestFormatGroups(t *testing.T) {
	var all []string
	for _, arch := range worldArches[bootloader.Firmware] {
		formats := formatsOf(arch)
		slices.Sort(formats)
		if len(formats) != len(slices.Compact(slices.Clone(formats))) {
			t.Errorf("formats for %s: %q", arch, formats)
		}
		all = append(all, formats...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); !slices.Equal(all, output.Names()) {
		t.Errorf("formats %q", all)
	}
}

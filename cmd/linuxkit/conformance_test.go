package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/linuxkit/linuxkit/internal/treetest"
)

const conformanceDir = "../../test/conformance"

// TestConformance builds the recorded cases and compares the trees.
func TestConformance(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(conformanceDir, "cases", "*"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(cache, os.DirFS(filepath.Join(conformanceDir, "images"))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range cases {
		for _, arch := range []string{"amd64", "arm64"} {
			t.Run(filepath.Base(dir)+"/"+arch, func(t *testing.T) {
				checkCase(t, cache, dir, arch)
			})
		}
	}
}

func checkCase(t *testing.T, cache, dir, arch string) {
	want, err := treetest.ReadExpected(filepath.Join(dir, "expected-"+arch+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	got := buildTree(t, cache, dir, arch)
	const metadata = "etc/linuxkit.yml"
	for _, d := range treetest.Diff(want, got, metadata) {
		t.Error(d)
	}
	if row, ok := got[metadata]; ok {
		checkMetadata(t, cache, row.Content, arch)
	}
	for _, d := range treetest.Diff(treetest.EmptyBoot(want), buildInitrd(t, cache, dir, arch), metadata) {
		t.Error("initrd:", d)
	}
}

func build(t *testing.T, cache, dir, arch string, flags ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	args := append([]string{"--cache", cache, "-q", "build", "--no-sbom", "--arch", arch}, flags...)
	var stderr bytes.Buffer
	if code := run(t.Context(), append(args, files...), nil, &stderr, &stderr); code != 0 {
		t.Fatalf("build ended with %d:\n%s", code, &stderr)
	}
}

func buildInitrd(t *testing.T, cache, dir, arch string) map[string]treetest.Row {
	t.Helper()
	out := t.TempDir()
	build(t, cache, dir, arch, "--dir", out, "--name", "x")
	data, err := os.ReadFile(filepath.Join(out, "x-initrd.img"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := treetest.ReadInitrd(data)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func buildTree(t *testing.T, cache, dir, arch string) map[string]treetest.Row {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.tar")
	build(t, cache, dir, arch, "--format", "tar", "--o", out)
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tree, err := treetest.ReadTar(f)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// checkMetadata reads the configuration in the image back: what it prints must
// describe the same system.
func checkMetadata(t *testing.T, cache string, content []byte, arch string) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "again.yml"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	again, ok := buildTree(t, cache, dir, arch)["etc/linuxkit.yml"]
	if !ok {
		t.Fatalf("the metadata does not describe itself:\n%s", content)
	}
	if !bytes.Equal(content, again.Content) {
		t.Errorf("metadata read back differs:\n%s\n---\n%s", content, again.Content)
	}
}

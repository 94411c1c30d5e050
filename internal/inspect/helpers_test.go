package inspect

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/compresstest"
	"github.com/linuxkit/linuxkit/internal/format/cpio"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// item is an entry of a tree for tests.
type item struct {
	header   tar.Header
	content  string
	location string
}

func file(name, content, location string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(1e9, 0)}, content, location}
}

func dir(name string) item {
	return item{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: time.Unix(1e9, 0)}, "", "init[0]"}
}

// sample is a small system.
func sample() []item {
	return []item{
		dir("boot"),
		file("boot/cmdline", "console=ttyS0", "kernel"),
		file("boot/kernel", strings.Repeat("k", 5000), "kernel"),
		dir("lib"), dir("lib/modules"), dir("lib/modules/6.12.1"),
		file("lib/modules/6.12.1/a.ko", strings.Repeat("m", 300), "kernel"),
		dir("bin"),
		file("bin/sh", strings.Repeat("s", 2000), "init[0]"),
		{tar.Header{Typeflag: tar.TypeLink, Name: "bin/ash", Linkname: "bin/sh", Mode: 0o644, ModTime: time.Unix(1e9, 0)}, "", "init[0]"},
		{tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/su", Linkname: "sh", Mode: 0o777, ModTime: time.Unix(1e9, 0)}, "", "init[0]"},
		{tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3, ModTime: time.Unix(1e9, 0)}, "", "init[0]"},
		file("etc", "will be replaced", "init[0]"),
		file("one", strings.Repeat("d", 700), "services[0]"),
		file("two", strings.Repeat("d", 700), "services[0]"),
		file("etc", "new", "files[0]"),
		file("empty", "", "files[0]"),
	}
}

func writeTar(t testing.TB, items []item) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, i := range items {
		h := i.header
		h.Format = tar.FormatPAX
		if i.location != "" {
			h.PAXRecords = map[string]string{rootfs.RecordSource: "image of " + i.location, rootfs.RecordLocation: i.location}
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(i.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// writeCpio writes one archive of what is not below boot.
func writeCpio(t testing.TB, items []item) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := cpio.NewWriter(&buf)
	for _, i := range items {
		if strings.HasPrefix(i.header.Name, "boot") {
			continue
		}
		links := 1
		if strings.HasSuffix(i.header.Name, "sh") {
			links = 2
		}
		h, err := cpio.FromTar(&i.header, links)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(i.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// initrd splits the sample into archives of every kind, with zeros between.
func initrd(t testing.TB, items []item) []byte {
	t.Helper()
	raw := writeCpio(t, items[3:7])
	packed := compresstest.Gzip(t, writeCpio(t, items[7:12]))
	rest := compresstest.Zstd(t, writeCpio(t, items[12:]))
	return bytes.Join([][]byte{raw, make([]byte, 100), packed, rest, make([]byte, 7)}, nil)
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t testing.TB, path string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

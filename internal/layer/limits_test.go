package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	deep := strings.Repeat("d/", 40)
	xattr := &tar.Header{Typeflag: tar.TypeDir, Name: "a", PAXRecords: map[string]string{"SCHILY.xattr.user.x": strings.Repeat("v", 2000)}}
	for name, c := range map[string]struct {
		layers []Blob
		limits Limits
	}{
		"entries":          {stack(t, []string{"file a 1", "file b 1"}, []string{"file c 1"}), Limits{Entries: 2}},
		"implied parents":  {stack(t, []string{"file " + deep + "a 1"}), Limits{Entries: 20}},
		"markers count":    {stack(t, []string{"file .wh.a", "file .wh.b", "file .wh.c"}), Limits{Entries: 2}},
		"name":             {stack(t, []string{"file " + deep + "a 1"}), Limits{NameBytes: 80}},
		"hard link target": {stack(t, []string{"link a " + deep}), Limits{NameBytes: 50}},
		"symlink target":   {stack(t, []string{"symlink a " + deep}), Limits{NameBytes: 50}},
		"names in all":     {stack(t, []string{"file " + deep + "a 1", "file " + deep + "b 1"}), Limits{IndexBytes: 100}},
		"extended header":  {[]Blob{blob(archiveOf(t, xattr))}, Limits{PAXBytes: 1000}},
		"headers in all":   {[]Blob{blob(archiveOf(t, xattr, xattr, xattr))}, Limits{IndexBytes: 5000}},
	} {
		if _, err := flatten(t, c.layers, Options{Limits: c.limits}); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := flatten(t, c.layers, Options{}); errors.Is(err, ErrLimit) {
			t.Errorf("%s, default limits: %v", name, err)
		}
	}
}

func archiveOf(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDefaultNameLimit(t *testing.T) {
	for n, ok := range map[int]bool{4096: true, 4097: false} {
		name := strings.Repeat("n/", 2048)[:4095] + "x"
		name += strings.Repeat("y", n-len(name))
		_, err := flatten(t, []Blob{blob(archiveOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: name}))}, Options{})
		if ok != (err == nil) || !ok && !errors.Is(err, ErrLimit) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestMarkersAreLinear would take very long if each marker looked at all that
// its directory holds.
func TestMarkersAreLinear(t *testing.T) {
	const n = 10_000
	var below, above []string
	for i := range n {
		below = append(below, fmt.Sprintf("file d/below%d x", i))
		above = append(above, fmt.Sprintf("file d/above%d x", i), "file d/.wh..wh..opq", "file .wh.d")
	}
	got, err := flatten(t, stack(t, below, above, above), Options{})
	if err != nil || len(got) != n {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

// TestReplacedDirectories makes and removes the same directory many times.
func TestReplacedDirectories(t *testing.T) {
	var lines []string
	for i := range 10_000 {
		lines = append(lines, "dir d", fmt.Sprintf("file d/x%d y", i), "file d z")
	}
	got, err := flatten(t, stack(t, lines), Options{})
	if err != nil || len(got) != 1 || got[0] != "file d z" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLinkChains resolves links each of which leads to the next.
func TestLinkChains(t *testing.T) {
	const n = 20_000
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("link l%d l%d", i, i+1))
	}
	got, err := flatten(t, stack(t, append(lines, fmt.Sprintf("file l%d x", n))), Options{})
	if err != nil || len(got) != n+1 {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

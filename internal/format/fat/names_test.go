package fat

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

func TestErrors(t *testing.T) {
	one := []byte{1}
	for name, c := range map[string]struct {
		files []File
		opts  Options
		is    error
	}{
		"too large":     {[]File{{Path: "x", Size: 1 << 32, Data: zeros{}}}, Options{}, ErrFileTooLarge},
		"too small":     {[]File{{Path: "x", Size: 10 << 20, Data: zeros{}}}, Options{Size: 10 << 20}, disk.ErrTooSmall},
		"tiny":          {nil, Options{Size: 1 << 20}, disk.ErrTooSmall},
		"beyond FAT16":  {nil, Options{Size: 3 << 30, Type: FAT16}, nil},
		"beyond FAT32":  {nil, Options{Size: 2 << 40}, nil},
		"twice":         {[]File{file("a/b", one), file("a/B", one)}, Options{}, nil},
		"file and dir":  {[]File{file("a", one), file("a/b", one)}, Options{}, nil},
		"dir and file":  {[]File{file("a/b", one), file("a", one)}, Options{}, nil},
		"absolute":      {[]File{file("/a", one)}, Options{}, nil},
		"dots":          {[]File{file("a/../b", one)}, Options{}, nil},
		"trailing /":    {[]File{file("a/", one)}, Options{}, nil},
		"no UTF-8":      {[]File{file("\xff", one)}, Options{}, nil},
		"bad character": {[]File{file("a:b", one)}, Options{}, nil},
		"control":       {[]File{file("a\nb", one)}, Options{}, nil},
		"trailing dot":  {[]File{file("a.", one)}, Options{}, nil},
		"leading space": {[]File{file(" a", one)}, Options{}, nil},
		"long":          {[]File{file(strings.Repeat("😀", 128), one)}, Options{}, nil},
		"label":         {nil, Options{Label: "lower"}, nil},
		"long label":    {nil, Options{Label: "ABCDEFGHIJKL"}, nil},
		"no data":       {[]File{{Path: "a", Size: 1}}, Options{}, nil},
		"negative":      {[]File{{Path: "a", Size: -1}}, Options{}, nil},
		"attribute":     {[]File{{Path: "a", Attr: 0x10}}, Options{}, nil},
	} {
		if _, err := New(c.files, c.opts); err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyEntries(t *testing.T) {
	var files []File
	for i := range 1 << 15 {
		files = append(files, File{Path: fmt.Sprintf("long name %d", i)})
	}
	if _, err := New(files, Options{}); err == nil {
		t.Error("no error for 65536 entries and a name more")
	}
}

// FuzzNames makes a file system with two names, or refuses them, and finds its data.
func FuzzNames(f *testing.F) {
	f.Add("a/b", "a/c")
	f.Add("äöü", "ÄÖÜ")
	f.Add("a b~1", "AB~1")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := New([]File{file(a, []byte("a")), file(b, []byte("b"))}, Options{})
		if err != nil {
			return
		}
		im, err := v.Image()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := im.ReadAt(got, v.Offsets[1]); err != nil || got[0] != 'b' {
			t.Errorf("%q, %v", got, err)
		}
		v.root.walk(func(n *node) {
			seen := map[[11]byte]bool{}
			for _, c := range n.children {
				if seen[c.short] || bytes.ContainsAny(c.short[:], "/.\x00") {
					t.Errorf("short name %q", c.short)
				}
				seen[c.short] = true
			}
		})
	})
}

// TestLongEntries has the entries of a name outside the basic plane, which mtools cannot show.
func TestLongEntries(t *testing.T) {
	_, nodes, err := makeTree([]File{{Path: "a rather😀x.y"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	short := "ARATHE~1Y  "
	sum := string([]byte{checksum(nodes[0].short)})
	want := "\x41a\x00 \x00r\x00a\x00t\x00\x0f\x00" + sum + "h\x00e\x00r\x00\x3d\xd8\x00\xdex\x00\x00\x00.\x00y\x00"
	if got := longSlots(nil, nodes[0]); string(got) != want || string(nodes[0].short[:]) != short {
		t.Errorf("%q: %q", nodes[0].short, got)
	}
}

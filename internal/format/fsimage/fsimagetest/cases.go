package fsimagetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

func regular(p, content string) File {
	return File{
		Entry:   fsimage.Entry{Path: p, Mode: fsimage.TypeRegular | 0o644, ModTime: Time, Size: int64(len(content))},
		Content: content,
	}
}

func (s *Suite) names(t *testing.T) {
	var files []File
	for _, n := range []string{"!", "-", "..a", "...", ".x", "a b", "\xff\xfe", "é", "\n", strings.Repeat("n", 255)} {
		files = append(files, regular(n, "content of "+n), regular("d/"+n, ""))
	}
	deep := strings.Repeat("d/", 300) + "x"
	files = append(files, regular(deep, "deep"))
	s.check(t, s.Usual, s.write(t, s.Usual, 0, files), s.expect(files))
}

// links has more names of one file than 16 bits can count.
func (s *Suite) links(t *testing.T) {
	files := []File{regular("first", "content")}
	for n := range 70000 {
		files = append(files, File{Entry: fsimage.Entry{Path: fmt.Sprintf("d/%05d", n), HardLink: "first"}})
	}
	image := s.write(t, s.Usual, 0, files)
	tree, err := Read(Mount(t, s.Type, image))
	if r := tree["d/69999"]; err != nil || r.Links != 70001 || r.Size != 7 || r.First != "d/00000" || len(tree) != 70003 {
		t.Errorf("%d names, %+v, %v", len(tree), r, err)
	}
}

func (s *Suite) order(t *testing.T) {
	dir := File{Entry: fsimage.Entry{Path: "a/b", Mode: fsimage.TypeDir | 0o700, ModTime: Time, UID: 7}}
	files := []File{
		regular("a/b/c", "child before parent"), dir, regular("replaced", "old"), regular("dir", "becomes a directory"),
		{Entry: fsimage.Entry{Path: "old name", HardLink: "replaced"}}, {Entry: fsimage.Entry{Path: "same", HardLink: "old name"}},
		regular("gone/x/y", "goes"), {Entry: fsimage.Entry{Path: "also", HardLink: "gone/x/y"}},
	}
	later := []File{regular("replaced", "new"), {Entry: fsimage.Entry{Path: "dir", Mode: fsimage.TypeDir | 0o711, ModTime: Time}}, regular("gone", "a file")}
	image := s.write(t, s.Usual, 0, append(files, later...))
	want := s.expect([]File{
		files[0], dir, later[0], later[1], later[2], regular("old name", "old"),
		{Entry: fsimage.Entry{Path: "same", HardLink: "old name"}}, regular("also", "goes"),
	})
	s.check(t, s.Usual, image, want)
}

// zeroReader is endless.
type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// sparse has a large file of zeros, and one with content between zeros.
func (s *Suite) sparse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := s.usual(f)
	const gap = 40 << 20
	add := func(p string, size int64, r io.Reader) {
		e := fsimage.Entry{Path: p, Mode: fsimage.TypeRegular | 0o600, Size: size}
		if err := w.Add(t.Context(), e, r); err != nil {
			t.Fatal(err)
		}
	}
	add("zeros", 4<<30+1, io.LimitReader(zeroReader{}, 4<<30+1))
	add("mixed", gap*2+8, io.MultiReader(
		io.LimitReader(zeroReader{}, gap), strings.NewReader("data"), io.LimitReader(zeroReader{}, gap), strings.NewReader("data")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Size() > 1<<20 {
		t.Errorf("the image takes %d bytes", w.Size())
	}
	checkSparse(t, Mount(t, s.Type, name), gap)
}

func checkSparse(t *testing.T, dir string, gap int64) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "mixed"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	want := append(make([]byte, gap), "data"...)
	if err != nil || string(b) != string(append(want, want...)) {
		t.Errorf("mixed is not what it was: %d bytes, %v", len(b), err)
	}
	zeros, err := os.Open(filepath.Join(dir, "zeros"))
	if err != nil {
		t.Fatal(err)
	}
	defer zeros.Close()
	end := make([]byte, 1<<20)
	if n, err := zeros.ReadAt(end, 4<<30+1-int64(len(end))); n != len(end) || !fsimage.IsZero(end) {
		t.Errorf("zeros is not what it was: %v", err)
	}
}

// many has a hundred thousand files, a fifth of them in one directory.
func (s *Suite) many(t *testing.T) {
	var files []File
	for n := range 100000 {
		files = append(files, regular(fmt.Sprintf("dir%d/%07x", max(n%100-80, 0), n*7919), fmt.Sprint(n)))
	}
	dir := Mount(t, s.Type, s.write(t, s.Usual, 0, files))
	count := 0
	err := Walk(dir, func(e fsimage.Entry, _ io.Reader) error {
		count++
		return nil
	})
	if err != nil || count != 100000+21 {
		t.Errorf("%d files, %v", count, err)
	}
	for n := 0; n < len(files); n += 997 {
		b, err := os.ReadFile(filepath.Join(dir, files[n].Path))
		if err != nil || string(b) != files[n].Content {
			t.Errorf("%s is %q, %v", files[n].Path, b, err)
		}
	}
}

// same has equal files, which have to be stored once.
func (s *Suite) same(t *testing.T) {
	src := &source{Rand: newRand(1)}
	content := src.noise(3<<20 + 5000)
	files := []File{regular("a", content), regular("b", content), regular("c", content[:100]), regular("d", content), regular("e", content[:5<<18])}
	// The attributes take the place that the end of the content has without.
	for n, p := range []string{"f", "g", "h", "i"} {
		f := regular(p, content[:5*4096+3900])
		if n%2 == 1 {
			f.Xattrs = map[string]string{"user.x": content[:300]}
		}
		files = append(files, f)
	}
	for _, each := range []int{0, 1} { // files in a pack
		image := s.writePacks(t, each, files)
		if info, err := os.Stat(image); err != nil || info.Size() > 5<<20 {
			t.Errorf("the image takes %d bytes, %v", info.Size(), err)
		}
		s.check(t, s.Usual, image, s.expect(files))
	}
}

func (s *Suite) errors(t *testing.T) {
	bad := errors.New("bad")
	for want, f := range map[*error][]File{
		&fsimage.ErrUnsupported: {
			{Entry: fsimage.Entry{Path: "/a", Mode: fsimage.TypeDir}},
			{Entry: fsimage.Entry{Path: "a/../b", Mode: fsimage.TypeDir}},
			{Entry: fsimage.Entry{Path: "../b", Mode: fsimage.TypeDir}},
			{Entry: fsimage.Entry{Path: "a\x00", Mode: fsimage.TypeDir}},
			{Entry: fsimage.Entry{Path: strings.Repeat("n", 256), Mode: fsimage.TypeDir}},
			{Entry: fsimage.Entry{Path: "a"}},
			{Entry: fsimage.Entry{Path: "", Mode: fsimage.TypeRegular}},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeSymlink}},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeDir, Size: 1}},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeChar, Major: 5000}},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeDir, Xattrs: map[string]string{"other.x": ""}}},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeDir, Xattrs: map[string]string{"user.x": strings.Repeat("x", 70000)}}},
		},
		&fsimage.ErrOrder: {
			{Entry: fsimage.Entry{Path: "a", HardLink: "missing"}},
			{Entry: fsimage.Entry{Path: "a", HardLink: "."}},
			{Entry: fsimage.Entry{Path: "file/x", Mode: fsimage.TypeDir}},
		},
		&fsimage.ErrSize: {
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeRegular, Size: 5}, Content: "four"},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeRegular, Size: 3}, Content: "four"},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeRegular}, Content: "four"},
			{Entry: fsimage.Entry{Path: "a", Mode: fsimage.TypeRegular, Size: 5 << 20}, Content: strings.Repeat("x", 5<<20-1)},
		},
	} {
		for _, f := range f {
			s.refuse(t, f, *want)
		}
	}
	w := s.usual(failingTarget{bad})
	if err := w.Add(t.Context(), regular("a", strings.Repeat("x", 5<<20)).Entry, zeroReader{}); err == nil {
		t.Error("content without end is taken")
	}
	w = s.usual(failingTarget{bad})
	if err := w.Close(); !errors.Is(err, bad) {
		t.Errorf("a target that fails gives %v", err)
	}
}

func (s *Suite) refuse(t *testing.T, f File, want error) {
	t.Helper()
	w := s.usual(failingTarget{})
	if err := w.Add(t.Context(), regular("file", "x").Entry, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(t.Context(), f.Entry, f.Reader()); err != nil && !errors.Is(err, want) {
		t.Errorf("%.50q %o: %v instead of %v", f.Path, f.Mode, err, want)
	}
	if err := w.Close(); !errors.Is(err, want) {
		t.Errorf("%.50q: Close gives %v instead of %v", f.Path, err, want)
	}
}

// failingTarget takes all or gives an error for all.
type failingTarget struct{ err error }

func (f failingTarget) WriteAt(p []byte, _ int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return len(p), nil
}

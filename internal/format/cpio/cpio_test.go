package cpio

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type entry struct {
	Header
	content string
}

func file(name, content string, links uint32) entry {
	return entry{Header{Name: name, Mode: TypeRegular | 0o644, UID: 1, GID: 2, Links: links, ModTime: time.Unix(1e9, 0).UTC(), Size: int64(len(content))}, content}
}

func write(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, strings.NewReader(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func read(t testing.TB, r io.Reader) ([]entry, error) {
	t.Helper()
	var all []entry
	for c := NewReader(r); ; {
		h, err := c.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		content, err := io.ReadAll(c)
		if err != nil {
			return all, err
		}
		all = append(all, entry{*h, string(content)})
	}
}

// sample has all types, and two files with three and two names.
func sample() []entry {
	t := time.Unix(1e9, 0).UTC()
	return []entry{
		{Header{Name: "d", Mode: TypeDir | 0o1755, ModTime: t}, ""},
		file("d/a", "hello", 3),
		{Header{Name: "s", Mode: TypeSymlink | 0o777, Linkname: "d/a", ModTime: t}, ""},
		{Header{Name: "b", HardLink: "d/a"}, ""},
		file("x", "", 2),
		{Header{Name: "c", HardLink: "d/a"}, ""},
		{Header{Name: "d/y", HardLink: "x"}, ""},
		{Header{Name: "f", Mode: TypeFifo | 0o600, ModTime: t}, ""},
		{Header{Name: "n", Mode: TypeChar | 0o600, Major: 1, Minor: 3, ModTime: t}, ""},
		{Header{Name: "B", Mode: TypeBlock | 0o600, Major: 259, Minor: 300, ModTime: t}, ""},
	}
}

func TestRoundTrip(t *testing.T) {
	data := write(t, sample()...)
	if len(data)%512 != 0 {
		t.Errorf("archive has %d bytes", len(data))
	}
	got, err := read(t, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	inodes := []uint32{721, 722, 723, 722, 724, 722, 724, 725, 726, 727}
	links := []uint32{2, 3, 1, 3, 2, 3, 2, 1, 1, 1}
	want := sample()
	for i := range want {
		switch h := &want[i].Header; h.HardLink {
		case "d/a":
			name := h.Name
			*h = want[1].Header
			h.Name, h.Size = name, 0
		case "x":
			name := h.Name
			*h = want[4].Header
			h.Name = name
		}
		want[i].Inode, want[i].Links = inodes[i], links[i]
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBytes has the bytes of a whole archive as the format defines them.
func TestBytes(t *testing.T) {
	got := write(t, file("abc", "hello", 0))
	want := "070701" + "000002d1" + "000081a4" + "00000001" + "00000002" + "00000001" + "3b9aca00" + "00000005" +
		"00000003" + "00000001" + "00000000" + "00000000" + "00000004" + "00000000" + "abc\x00" + "\x00\x00" + "hello\x00\x00\x00" +
		"070701" + "000002d2" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "0000000b" + "00000000" + "TRAILER!!!\x00" + "\x00\x00\x00"
	want += strings.Repeat("\x00", 512-len(want))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConcatenation(t *testing.T) {
	one := write(t, file("a", "1", 2), entry{Header{Name: "b", HardLink: "a"}, ""})
	two := write(t, file("c", "2", 0))
	all := append(append(append([]byte{}, one...), make([]byte, 1000)...), two...)
	got, err := read(t, bytes.NewReader(all))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[1].Archive != 0 || got[2].Archive != 1 || got[2].Inode != got[0].Inode {
		t.Errorf("got %+v", got)
	}
}

func TestLinksOfOtherTypes(t *testing.T) {
	got, err := read(t, bytes.NewReader(write(t,
		entry{Header{Name: "s", Mode: TypeSymlink | 0o777, Linkname: "t", Links: 2}, ""},
		entry{Header{Name: "l", HardLink: "s"}, ""},
	)))
	if err != nil || len(got) != 2 || got[1].Linkname != "t" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnsupported(t *testing.T) {
	for name, h := range map[string]Header{
		"socket":       {Name: "s", Mode: 0o140000},
		"no type":      {Name: "s", Mode: 0o644},
		"empty name":   {Name: "", Mode: TypeRegular},
		"trailer":      {Name: "TRAILER!!!", Mode: TypeRegular},
		"absolute":     {Name: "/a", Mode: TypeRegular},
		"zero byte":    {Name: "a\x00b", Mode: TypeRegular},
		"long name":    {Name: strings.Repeat("n", 4096), Mode: TypeRegular},
		"long target":  {Name: "s", Mode: TypeSymlink, Linkname: strings.Repeat("n", 4096)},
		"no target":    {Name: "s", Mode: TypeSymlink},
		"4 GiB":        {Name: "a", Mode: TypeRegular, Size: 1 << 32},
		"negative":     {Name: "a", Mode: TypeRegular, Size: -1},
		"directory":    {Name: "a", Mode: TypeDir, Size: 1},
		"zero in link": {Name: "a", Mode: TypeSymlink, Linkname: "a\x00"},
	} {
		if err := NewWriter(io.Discard).WriteHeader(&h); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := Header{Name: strings.Repeat("n", 4095), Mode: TypeRegular, Size: math.MaxUint32}
	if err := NewWriter(io.Discard).WriteHeader(&long); err != nil {
		t.Errorf("largest: %v", err)
	}
}

func TestMisuse(t *testing.T) {
	for name, use := range map[string]func(w *Writer) error{
		"content too short": func(w *Writer) error {
			return errors.Join(w.WriteHeader(&Header{Name: "a", Mode: TypeRegular, Size: 1}), w.Close())
		},
		"content too long": func(w *Writer) error {
			_, err := w.Write([]byte("a"))
			return err
		},
		"unknown link": func(w *Writer) error { return w.WriteHeader(&Header{Name: "a", HardLink: "b"}) },
		"missing links": func(w *Writer) error {
			return errors.Join(w.WriteHeader(&Header{Name: "a", Mode: TypeRegular, Links: 3}), w.WriteHeader(&Header{Name: "b", HardLink: "a"}), w.Close())
		},
		"too many links": func(w *Writer) error {
			return errors.Join(w.WriteHeader(&Header{Name: "a", Mode: TypeRegular}), w.WriteHeader(&Header{Name: "b", HardLink: "a"}))
		},
		"closed": func(w *Writer) error { return errors.Join(w.Close(), w.Close()) },
		"broken below": func(w *Writer) error {
			w.w = brokenWriter{}
			return w.WriteHeader(&Header{Name: "a", Mode: TypeRegular})
		},
	} {
		if err := use(NewWriter(io.Discard)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFromTar(t *testing.T) {
	now := time.Unix(5, 5)
	for name, c := range map[string]struct {
		in    tar.Header
		links int
		want  *Header
	}{
		"file":      {tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o104755, Uid: 1, Gid: 2, Size: 3, ModTime: now}, 2, &Header{Name: "a", Mode: 0o104755, UID: 1, GID: 2, Size: 3, ModTime: now, Links: 2}},
		"directory": {tar.Header{Typeflag: tar.TypeDir, Name: "a/", Mode: 0o755, ModTime: now}, 1, &Header{Name: "a", Mode: 0o40755, ModTime: now}},
		"symlink":   {tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/b", Mode: 0o777, ModTime: now}, 1, &Header{Name: "a", Linkname: "/b", Mode: 0o120777, ModTime: now}},
		"link":      {tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "b"}, 2, &Header{Name: "a", HardLink: "b"}},
		"device":    {tar.Header{Typeflag: tar.TypeBlock, Name: "a", Devmajor: 8, Devminor: 1, ModTime: now}, 1, &Header{Name: "a", Mode: 0o60000, Major: 8, Minor: 1, ModTime: now}},
		"unknown":   {tar.Header{Typeflag: 'V', Name: "a"}, 1, nil},
		"owner":     {tar.Header{Typeflag: tar.TypeReg, Name: "a", Uid: -1}, 1, nil},
		"number":    {tar.Header{Typeflag: tar.TypeChar, Name: "a", Devmajor: 1 << 32}, 1, nil},
	} {
		got, err := FromTar(&c.in, c.links)
		if c.want == nil && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTimes(t *testing.T) {
	for in, want := range map[int64]uint32{-1: 0, 0: 0, 1 << 31: 1 << 31, 1 << 40: math.MaxUint32} {
		if got := seconds(time.Unix(in, 0)); got != want {
			t.Errorf("%d: %d", in, got)
		}
	}
	if got := seconds(time.Time{}); got != 0 {
		t.Errorf("no time: %d", got)
	}
}

func TestBrokenArchives(t *testing.T) {
	good := write(t, sample()...)
	for n := 1; n < len(good)-500; n++ {
		_, err := read(t, bytes.NewReader(good[:n]))
		if bytes.Contains(good[:n], []byte(trailerName+"\x00")) {
			break
		}
		if !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	for name, bad := range map[string]string{
		"magic":     "070700" + strings.Repeat("0", 104),
		"digits":    "070701" + strings.Repeat("g", 104),
		"name size": "070701" + strings.Repeat("f", 104),
	} {
		if _, err := read(t, strings.NewReader(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, sample()...))
	f.Add([]byte("070701"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := read(t, bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, e := range entries {
			if int64(len(e.content)) != e.Size || len(e.Name) > pathMax {
				t.Errorf("entry %+v", e)
			}
		}
	})
}

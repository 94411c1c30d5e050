package iso9660

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
)

var ctx = context.Background()

// layout adds files and lays the image out.
func layout(t testing.TB, files []fsimagetest.File, opts Options) *Image {
	t.Helper()
	b := New(opts)
	for _, f := range files {
		if err := b.Add(f.Entry); err != nil {
			t.Fatal(err)
		}
	}
	im, err := b.Layout()
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// contents packs the content of the files and tells where it is.
func contents(t testing.TB, files []fsimagetest.File) map[string]Content {
	t.Helper()
	var data, table bytes.Buffer
	p := NewPacker(&data, &table)
	for _, f := range files {
		if f.HardLink == "" {
			if err := p.Add(ctx, f.Size, f.Reader()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	all := map[string]Content{}
	pack := fsimage.NewPack(bytes.NewReader(data.Bytes()), &table)
	for _, f := range files {
		if f.HardLink != "" || f.Size == 0 {
			continue
		}
		c, err := pack.Next()
		if err != nil {
			t.Fatal(err)
		}
		if all[f.Path], err = Unpack(c, f.Size); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// stream writes the image with the content of the files.
func stream(t testing.TB, im *Image, files []fsimagetest.File) []byte {
	t.Helper()
	all := contents(t, files)
	d, err := im.Disk(ctx, func(path string) (Content, error) { return all[path], nil })
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.WriteStream(ctx, &out); err != nil {
		t.Fatal(err)
	}
	if int64(out.Len()) != im.Size() {
		t.Fatalf("%d bytes, want %d", out.Len(), im.Size())
	}
	return out.Bytes()
}

func build(t testing.TB, files []fsimagetest.File, opts Options) []byte {
	t.Helper()
	return stream(t, layout(t, files, opts), files)
}

func regular(path, content string) fsimagetest.File {
	return fsimagetest.File{Entry: Entry{Path: path, Mode: fsimage.TypeRegular | 0o644, Size: int64(len(content))}, Content: content}
}

// without drops extended attributes, which the format does not have, and cuts
// links and numbers of devices to what xorriso understands.
func without(files []fsimagetest.File) []fsimagetest.File {
	for i := range files {
		files[i].Xattrs = nil
		files[i].Minor &= 0xff
		files[i].Linkname = files[i].Linkname[:min(len(files[i].Linkname), 1000)]
	}
	return files
}

func need(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, args, err, out)
	}
	return string(out)
}

func file(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.iso")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// extract lets xorriso unpack an image.
func extract(t testing.TB, data []byte) map[string]fsimagetest.Record {
	t.Helper()
	need(t, "xorriso")
	if os.Geteuid() != 0 {
		t.Skip("unpacking owners and devices needs root")
	}
	dir := filepath.Join(t.TempDir(), "root")
	out := run(t, "xorriso", "-abort_on", "SORRY", "-hardlinks", "on", "-osirrox", "device_files:strict_acl_off", "-indev", file(t, data), "-extract", "/", dir)
	if strings.Contains(out, "WARNING") && !strings.Contains(out, "osirrox") {
		t.Errorf("xorriso: %s", out)
	}
	tree, err := fsimagetest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return unpacked(tree)
}

// unpacked leaves out what xorriso does not set: owner and time of links.
func unpacked(tree map[string]fsimagetest.Record) map[string]fsimagetest.Record {
	for name, r := range tree {
		if r.Mode&fsimage.TypeMask == fsimage.TypeSymlink {
			r.UID, r.GID, r.ModTime = 0, 0, 0
			tree[name] = r
		}
	}
	return tree
}

func TestXorriso(t *testing.T) {
	for seed := range uint64(8) {
		files := without(fsimagetest.Random(seed, false))
		opts := Options{Label: "TEST", Time: time.Unix(1e9, 0)}
		got := extract(t, build(t, files, opts))
		if diff := cmp.Diff(unpacked(fsimagetest.Expect(files, time.Second, opts.Time)), got); diff != "" {
			t.Errorf("seed %d: tree differs (-want +got):\n%s", seed, diff)
		}
	}
}

// TestDeep has names and nesting beyond what a record or ECMA-119 takes.
func TestDeep(t *testing.T) {
	deep := strings.Repeat("directory/", 40)
	long := strings.Repeat("x", 255)
	files := []fsimagetest.File{regular(deep+"file", "deep"), regular(long, "long"), regular(deep+long[:254]+"y", "")}
	for _, target := range []string{"/", "/a", "a/", "../../x", "./x/..", strings.Repeat("y", 1000) + "/z", strings.Repeat("abc/../", 140)} {
		files = append(files, fsimagetest.File{Entry: Entry{Path: fmt.Sprintf("link%d", len(files)), Mode: fsimage.TypeSymlink | 0o777, Linkname: target}})
	}
	for i := range 300 {
		files = append(files, regular(fmt.Sprintf("many/same-beginning-of-a-long-name-%d.text", i), fmt.Sprint(i)))
	}
	got := extract(t, build(t, files, Options{}))
	for i := range files {
		files[i].ModTime = time.Unix(0, 0)
	}
	if diff := cmp.Diff(unpacked(fsimagetest.Expect(files, time.Second, time.Unix(0, 0))), got); diff != "" {
		t.Errorf("tree differs (-want +got):\n%s", diff)
	}
}

// TestLinks reads targets as section 4.1.3 of RRIP 1.12 says, as other readers
// of the format do not have room for the longest.
func TestLinks(t *testing.T) {
	for _, target := range []string{"/", "//a//b/", ".", "..", "/a/../.", strings.Repeat("abc/../", 585), strings.Repeat("y", 4095), "/" + strings.Repeat("z/", 2047)} {
		data := build(t, []fsimagetest.File{{Entry: Entry{Path: strings.Repeat("n", 255), Mode: fsimage.TypeSymlink, Linkname: target}}}, Options{})
		at := int(le.Uint32(data[firstDescriptor*Sector+158:])) * Sector
		at += int(data[at])
		at += int(data[at])
		id := int(data[at+32])
		if got := readLink(data, data[at+33+id+1-id%2:at+int(data[at])]); got != target {
			t.Errorf("target %.50q (%d), want %.50q (%d)", got, len(got), target, len(target))
		}
	}
}

// TestDevices reads numbers as Linux does.
func TestDevices(t *testing.T) {
	for _, want := range [][2]uint32{{0, 0}, {0, 7}, {1, 3}, {8, 255}, {4095, 0}, {8, 256}, {4095, 1<<20 - 1}} {
		f := deviceField(want[0], want[1])
		major, minor := le.Uint32(f[4:]), le.Uint32(f[12:])
		if major == 0 && minor > 0xff {
			major, minor = minor>>8, minor&0xff
		}
		if major != want[0] || minor != want[1] {
			t.Errorf("device %d:%d, want %d", major, minor, want)
		}
	}
}

func readLink(data, fields []byte) string {
	var target string
	var next []byte
	join := ""
	for len(fields) >= 4 {
		f := fields[:fields[2]]
		fields = fields[fields[2]:]
		switch string(f[:2]) {
		case "CE":
			from := le.Uint32(f[4:])*Sector + le.Uint32(f[12:])
			next = data[from : from+le.Uint32(f[20:])]
		case "SL":
			for c := f[5:]; len(c) > 0; c = c[2+c[1]:] {
				text := string(c[2 : 2+c[1]])
				text = map[byte]string{linkCurrent: ".", linkParent: "..", linkRoot: ""}[c[0]&^linkContinues] + text
				target += join + text
				join = "/"
				if c[0]&linkContinues != 0 {
					join = ""
				}
			}
		}
		if len(fields) < 4 {
			fields, next = next, nil
		}
	}
	if target == "" {
		return "/"
	}
	return target
}

func TestDeterministic(t *testing.T) {
	files := without(fsimagetest.Random(3, false))
	if !bytes.Equal(build(t, files, Options{}), build(t, files, Options{})) {
		t.Error("a second image differs")
	}
}

func TestJoliet(t *testing.T) {
	need(t, "isoinfo")
	t.Setenv("LC_ALL", "C.UTF-8")
	files := []fsimagetest.File{
		regular("dir/More than eight and three.text", "a"), regular("a:b", "c"), regular(strings.Repeat("n", 100)+".ext", ""),
		{Entry: Entry{Path: "link", Mode: fsimage.TypeSymlink | 0o777, Linkname: "x"}},
	}
	name := file(t, build(t, files, Options{}))
	got := run(t, "isoinfo", "-J", "-f", "-i", name)
	want := "/a_b\n/dir\n/" + strings.Repeat("n", 60) + ".ext\n/dir/More than eight and three.text\n"
	if sorted(got) != sorted(want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got := run(t, "isoinfo", "-J", "-x", "/a_b", "-i", name); got != "c" {
		t.Errorf("content %q", got)
	}
	if got, want := run(t, "isoinfo", "-f", "-i", name), "/A_B.;1"; !strings.Contains(got, want) {
		t.Errorf("primary names %q without %q", got, want)
	}
	if strings.Contains(run(t, "isoinfo", "-d", "-i", file(t, build(t, files, Options{NoJoliet: true}))), "Joliet with") {
		t.Error("there are names for Windows though they are not wanted")
	}
}

func sorted(lines string) string {
	set := map[string]bool{}
	for l := range strings.Lines(lines) {
		set[l] = true
	}
	return fmt.Sprint(set)
}

func Test7z(t *testing.T) {
	need(t, "7z")
	files := without(fsimagetest.Random(5, false))
	out := run(t, "7z", "t", file(t, build(t, files, Options{})))
	if !strings.Contains(out, "Everything is Ok") || strings.Contains(out, "arning") {
		t.Errorf("7z: %s", out)
	}
}

// zeros is content of any size.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// TestLarge has a file in more than one piece.
func TestLarge(t *testing.T) {
	need(t, "xorriso")
	b := New(Options{})
	const size = 5<<30 + 5
	for _, e := range []Entry{{Path: "large", Mode: fsimage.TypeRegular | 0o600, Size: size}, {Path: "small", Mode: fsimage.TypeRegular | 0o600, Size: 5}} {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	im, err := b.Layout()
	if err != nil {
		t.Fatal(err)
	}
	d, err := im.Disk(ctx, func(path string) (Content, error) {
		if path == "small" {
			return Content{Data: strings.NewReader("a small"), From: 2}, nil
		}
		return Content{Data: zeros{}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Extents = append(d.Extents[:1], d.Extents[2]) // leave the large file a hole
	name := file(t, nil)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := d.WriteFile(ctx, f); err != nil {
		t.Fatal(err)
	}
	if out := run(t, "xorriso", "-indev", name, "-lsl", "/large"); !strings.Contains(out, fmt.Sprint(int64(size))) {
		t.Errorf("xorriso sees %s", out)
	}
	target := filepath.Join(t.TempDir(), "small")
	run(t, "xorriso", "-osirrox", "on", "-indev", name, "-extract", "/small", target)
	if data, err := os.ReadFile(target); err != nil || string(data) != "small" {
		t.Errorf("what is behind the large file is %q, %v", data, err)
	}
}

// TestMany has as many files as a large system.
func TestMany(t *testing.T) {
	need(t, "xorriso")
	var files []fsimagetest.File
	for i := range 100_000 {
		files = append(files, regular(fmt.Sprintf("d%d/some-file-with-number-%d", i%1000, i), ""))
	}
	files[99_999] = regular("d999/last", "last")
	out := run(t, "xorriso", "-indev", file(t, build(t, files, Options{})), "-find", "/", "-type", "f", "-name", "*9999*")
	if !strings.Contains(out, "'/d999/some-file-with-number-89999'") {
		t.Errorf("xorriso finds %s", out)
	}
}

func TestReplaced(t *testing.T) {
	files := []fsimagetest.File{regular("a", "old"), regular("b", "b")}
	b := New(Options{})
	for _, e := range []Entry{files[0].Entry, files[1].Entry, {Path: "a", Mode: fsimage.TypeSymlink, Linkname: "b"}} {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	im, err := b.Layout()
	if err != nil {
		t.Fatal(err)
	}
	got := extract(t, stream(t, im, files[1:]))
	if got["a"].Linkname != "b" || got["b"].Size != 1 || len(got) != 3 {
		t.Errorf("tree %v", got)
	}
}

func TestErrors(t *testing.T) {
	f := regular("a", "content").Entry
	add := func(opts Options, entries ...Entry) error {
		b := New(opts)
		for _, e := range entries {
			b.Add(e)
		}
		_, err := b.Layout()
		return err
	}
	part := func(e Entry, of string, offset int64) error {
		b := New(Options{})
		b.Add(f)
		b.AddPart(e, of, offset)
		_, err := b.Layout()
		return err
	}
	missing := errors.New("missing")
	write := func() error {
		_, err := layout(t, []fsimagetest.File{{Entry: f}}, Options{}).Disk(ctx, func(string) (Content, error) { return Content{}, missing })
		return err
	}
	pack := func(size int64, content string) error {
		return NewPacker(io.Discard, io.Discard).Add(ctx, size, strings.NewReader(content))
	}
	unpack := func(size int64, record ...byte) error {
		_, err := Unpack(&fsimage.Packed{Pack: &fsimage.Pack{}, Record: record}, size)
		return err
	}
	small := regular("b", "c").Entry
	for name, c := range map[string]struct{ got, want error }{
		"path":        {add(Options{}, Entry{Path: "../a", Mode: f.Mode}), ErrUnsupported},
		"link":        {add(Options{}, Entry{Path: "a", HardLink: "b"}), ErrOrder},
		"label":       {add(Options{Label: "Ä"}), ErrUnsupported},
		"long label":  {add(Options{Label: strings.Repeat("A", 33)}), ErrUnsupported},
		"boot":        {add(Options{Boot: []Boot{{Path: "b"}}}, f), ErrOrder},
		"table":       {add(Options{Boot: []Boot{{Path: "a", InfoTable: true}}}, f), ErrUnsupported},
		"code":        {add(Options{Hybrid: &Hybrid{Code: make([]byte, 441)}}, f), ErrUnsupported},
		"part of":     {part(small, "x", 0), ErrOrder},
		"part offset": {part(small, "a", 5), ErrUnsupported},
		"part size":   {part(regular("b", "123456789").Entry, "a", 0), ErrUnsupported},
		"part itself": {part(f, "a", 0), ErrOrder},
		"part link":   {part(Entry{Path: "b", HardLink: "a"}, "a", 0), ErrUnsupported},
		"missing":     {write(), missing},
		"short":       {pack(8, "content"), ErrSize},
		"long":        {pack(6, "content"), ErrSize},
		"not empty":   {pack(0, "content"), ErrSize},
		"other size":  {unpack(7, 6, 0), ErrSize},
		"half":        {unpack(7, 7), fsimage.ErrRecord},
		"damaged":     {unpack(7, 7, 0, 0), fsimage.ErrRecord},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: error %v, want %v", name, c.got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for seed, want := range map[string][]string{
		"a A a.b .c d.tar.gz ä": {"A.;1", "A_1.;1", "A.B;1", "_C.;1", "D_TAR.GZ;1", "_.;1"},
	} {
		var children []*node
		for name := range strings.FieldsSeq(seed) {
			children = append(children, &node{Name: name, Inode: &inode{Entry: Entry{Mode: fsimage.TypeRegular}}})
		}
		for i, id := range names(children, plainNames{}) {
			if string(id) != want[i] {
				t.Errorf("name %s is %s, want %s", children[i].Name, id, want[i])
			}
		}
	}
}

// FuzzTree checks that any names give different identifiers of legal length,
// and that all metadata has the place that was planned for it.
func FuzzTree(f *testing.F) {
	f.Add("a/b\x00A/B\x00a/c.d", "t/x")
	f.Add(strings.Repeat("long", 50)+"\x00"+strings.Repeat("long", 50)+"1", strings.Repeat("../", 900))
	f.Fuzz(func(t *testing.T, paths, target string) {
		b := New(Options{})
		for i, p := range strings.Split(paths, "\x00") {
			e := Entry{Path: p, Mode: fsimage.TypeRegular, Size: int64(i % 2)}
			if i%3 == 2 {
				e = Entry{Path: p, Mode: fsimage.TypeSymlink, Linkname: target}
			}
			if b.Add(e) != nil {
				return
			}
		}
		im, err := b.Layout()
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		if err := im.writeHead(ctx, func(p []byte) error { n += int64(len(p)); return nil }); err != nil || n != im.head {
			t.Fatalf("%d bytes of metadata, want %d: %v", n, im.head, err)
		}
		for _, v := range im.volumes {
			for _, d := range v.dirs {
				checkNames(t, d)
			}
		}
	})
}

func checkNames(t *testing.T, d *directory) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range d.entries {
		if seen[string(e.id)] || len(e.id) == 0 || len(e.id) > 128 {
			t.Errorf("identifier %q of %q, among %v", e.id, e.node.Name, maps.Keys(seen))
		}
		seen[string(e.id)] = true
	}
}

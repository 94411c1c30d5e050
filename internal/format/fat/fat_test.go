package fat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/disk"
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func file(path string, content []byte) File {
	return File{Path: path, Size: int64(len(content)), Data: bytes.NewReader(content)}
}

// sample has names of all kinds and sizes around the borders of clusters.
func sample() []File {
	files := []File{
		file("KERNEL", random(5_000_001)),
		file("initrd.img", random(4096)),
		file("EFI/BOOT/BOOTX64.EFI", random(4097)),
		file("EFI/Linux/a rather long name (with signs), äöü €.efi", random(1)),
		file("empty file", nil),
		{Path: "EFI/empty directory", Dir: true},
		file(strings.Repeat("x", 255), random(511)),
		file(".hidden", random(512)),
		file("a.b.c", random(513)),
		file("+ [];,=", random(2)),
		file("collide~1", random(3)),
		file("COLLID~1.TXT", random(4)),
		file("collide one.txt", random(5)),
		file("collide two.txt", random(6)),
		{Path: "system", Size: 3, Data: strings.NewReader("abc"), Attr: System | Hidden | ReadOnly},
	}
	for i := range 40 { // more than a cluster of entries, longer aliases than one digit
		files = append(files, file(fmt.Sprintf("EFI/many/similar names %d", i), random(i)))
	}
	return files
}

func write(t *testing.T, files []File, opts Options) (string, *FS) {
	t.Helper()
	v, err := New(files, opts)
	if err != nil {
		t.Fatal(err)
	}
	im, err := v.Image()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := im.WriteFile(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	return f.Name(), v
}

func judge(t *testing.T, pkg, tool string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s (Debian package %s)", tool, pkg)
	}
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", tool, err, out)
	}
	return string(out)
}

// tree returns all files below a directory; directories end in /.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			got[rel+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(name)
		got[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wanted returns what tree returns for files.
func wanted(files []File) map[string]string {
	want := map[string]string{}
	for _, f := range files {
		for dir := filepath.Dir(f.Path); dir != "."; dir = filepath.Dir(dir) {
			want[dir+"/"] = ""
		}
		if f.Dir {
			want[f.Path+"/"] = ""
			continue
		}
		content := make([]byte, f.Size)
		if f.Size > 0 {
			f.Data.ReadAt(content, 0)
		}
		want[f.Path] = string(content)
	}
	return want
}

func TestJudges(t *testing.T) {
	for name, c := range map[string]struct {
		opts  Options
		check string // of what fsck.fat says
	}{
		"smallest":     {Options{Label: "EFI", Seed: []byte("x")}, `16 bits|2 FATs, 16 bit`},
		"FAT16 large":  {Options{Type: FAT16, Size: 1 << 30}, `32768 bytes per cluster`},
		"FAT32 small":  {Options{Type: FAT32}, `512 bytes per cluster`},
		"64 MiB":       {Options{Size: 64 << 20, Before: 1 << 20}, `2048 hidden sectors`},
		"256 MiB":      {Options{Size: 256 << 20, Label: "A LABEL"}, `2 FATs, 32 bit`},
		"4096":         {Options{Size: 300 << 20}, `4096 bytes per cluster`},
		"odd":          {Options{Size: 100<<20 + 1536}, `2 FATs, 32 bit`},
		"20 GiB":       {Options{Size: 20 << 30}, `16384 bytes per cluster`},
		"FAT16 middle": {Options{Size: 20 << 20}, `4096 bytes per cluster`},
	} {
		t.Run(name, func(t *testing.T) {
			image, v := write(t, sample(), c.opts)
			out := judge(t, "dosfstools", "fsck.fat", "-n", "-v", image)
			for _, want := range []string{c.check, fmt.Sprintf(` %d files,`, files(v))} {
				if !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("no %q in: %s", want, out)
				}
			}
			if bad := regexp.MustCompile(`(?i)wrong|truncat|differ|dirty|inconsistent|uninitialized|bad`).FindString(out); bad != "" {
				t.Errorf("complaint %q: %s", bad, out)
			}
			dir := t.TempDir()
			judge(t, "mtools", "mcopy", "-n", "-s", "-i", image, "::*", dir)
			if diff := cmp.Diff(wanted(sample()), tree(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%.3000s", diff)
			}
		})
	}
}

// files returns what fsck.fat counts: all but the root.
func files(v *FS) int {
	n := 0
	v.root.walk(func(d *node) { n += len(d.children) })
	if v.opts.Label != "" {
		n++
	}
	return n
}

func TestOffsets(t *testing.T) {
	for _, opts := range []Options{{}, {Type: FAT32}, {Size: 300 << 20}} {
		image, v := write(t, sample(), opts)
		f, err := os.Open(image)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i, s := range sample() {
			want, got := make([]byte, s.Size), make([]byte, s.Size)
			if s.Size == 0 {
				if v.Offsets[i] != 0 {
					t.Errorf("%s: at %d", s.Path, v.Offsets[i])
				}
				continue
			}
			s.Data.ReadAt(want, 0)
			if _, err := f.ReadAt(got, v.Offsets[i]); err != nil || !bytes.Equal(want, got) || v.Offsets[i]%4096 != 0 {
				t.Errorf("%s: not at %d: %v", s.Path, v.Offsets[i], err)
			}
		}
	}
}

func TestMdir(t *testing.T) {
	image, _ := write(t, sample(), Options{Label: "MY LABEL", Time: time.Date(2024, 2, 29, 13, 59, 58, 0, time.UTC)})
	t.Setenv("TZ", "UTC")
	out := judge(t, "mtools", "mdir", "-a", "-i", image, "::")
	for _, want := range []string{
		`Volume in drive : is MY LABEL`, `KERNEL +5000001 2024-02-29 +13:59`, `INITRD +IMG +4096 .*initrd\.img`, `XXXXXX~1 +511 .*x{255}`, `EFI +<DIR> `,
		`COLLID~1 TXT +4 `, `COLLID~2 TXT +5 .*collide one\.txt`, `COLLID~3 TXT +6 .*collide two\.txt`, `COLLID~1 +3 .*collide~1`, `HIDDEN~1 +512 .*\.hidden`, `AB~1 +C +513 .*a\.b\.c`,
	} {
		if !regexp.MustCompile(`(?m)` + want).MatchString(out) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if out := judge(t, "mtools", "mattrib", "-i", image, "::system"); !strings.Contains(out, "SHR") {
		t.Errorf("attributes: %s", out)
	}
}

func TestDeterministic(t *testing.T) {
	sum := func(seed string) []byte {
		image, _ := write(t, sample(), Options{Seed: []byte(seed)})
		content, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	if a := sum("a"); !bytes.Equal(a, sum("a")) || bytes.Equal(a, sum("b")) {
		t.Error("the bytes depend on something else than the seed, or not on it")
	}
}

// TestSize fits files exactly, and not into 4096 bytes less.
func TestSize(t *testing.T) {
	for _, n := range []int64{0, 1, 1 << 20, 2<<20 + 1, 31 << 20, 32 << 20, 40<<20 + 511, 250 << 20, 257 << 20, 3 << 30, 4<<30 - 1} {
		for _, kind := range []Type{Auto, FAT32} {
			files := []File{{Path: "big", Size: n, Data: zeros{}}}
			size, err := Size(files, Options{Type: kind})
			if err != nil || size%4096 != 0 {
				t.Fatalf("%d: %d, %v", n, size, err)
			}
			if v, err := New(files, Options{Size: size, Type: kind}); err != nil || v.Size != size {
				t.Errorf("%d: does not fit the %d bytes announced: %v", n, size, err)
			}
			if _, err := New(files, Options{Size: size - 4096, Type: kind}); !errors.Is(err, disk.ErrTooSmall) || !strings.Contains(err.Error(), fmt.Sprint(size)) {
				t.Errorf("%d in %d: %v", n, size-4096, err)
			}
		}
	}
}

// TestBig has the largest files that there can be in a file system of 1 TiB.
func TestBig(t *testing.T) {
	files := []File{{Path: "one", Size: MaxFile, Data: zeros{}}, {Path: "two", Size: MaxFile, Data: zeros{}}, file("three", []byte("3"))}
	v, err := New(files, Options{Size: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	im, err := v.Image()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := im.ReadAt(got, v.Offsets[2]); err != nil || got[0] != '3' || v.Offsets[2] < 8<<30 {
		t.Errorf("%q at %d: %v", got, v.Offsets[2], err)
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

func TestSetData(t *testing.T) {
	v, err := New([]File{file("a", []byte("old"))}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	v.SetData(0, strings.NewReader("new"))
	im, err := v.Image()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(im, v.Offsets[0], 3))
	if err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	if v.SetBoot(make([]byte, 511)) == nil {
		t.Error("no error for a short boot sector")
	}
}

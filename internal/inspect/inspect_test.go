package inspect

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// outputs writes the sample in every format and returns the paths by format.
func outputs(t testing.TB, items []item) map[string]string {
	dir := t.TempDir()
	write(t, dir, "k-kernel", []byte(items[2].content))
	write(t, dir, "k-cmdline", []byte(items[1].content))
	write(t, dir, "k-initrd.img", initrd(t, items))
	return map[string]string{
		"tar":    write(t, dir, "x.tar", writeTar(t, items)),
		"docker": write(t, dir, "x.docker", writeTar(t, append(items[:len(items):len(items)], file("Dockerfile", "FROM scratch", "")))),
		"tar-kernel-initrd": write(t, dir, "x-initrd.tar", writeTar(t, []item{
			file("kernel", items[2].content, ""), file("initrd.img", string(initrd(t, items)), ""), file("cmdline", items[1].content, ""),
		})),
		"kernel+initrd": dir + "/k",
		"initrd":        write(t, dir, "bare", initrd(t, items)),
	}
}

// TestFormats reads one system in all formats: it must be the same everywhere.
func TestFormats(t *testing.T) {
	files := outputs(t, sample())
	want := mustOpen(t, files["tar"])
	for format, path := range files {
		tree := mustOpen(t, path)
		if tree.Format != format || tree.Stored == 0 {
			t.Errorf("%s: format %q, %d bytes", format, tree.Format, tree.Stored)
		}
		c := Diff(want, tree, DiffOptions{Times: true})
		switch format {
		case "docker":
			if c.Added != 1 || c.Removed+c.Changed > 0 {
				t.Errorf("%s: %+v", format, c.Differences)
			}
		case "initrd":
			if c.Removed != 3 || c.Added+c.Changed > 0 {
				t.Errorf("%s: %+v", format, c.Differences)
			}
		default:
			if !c.Equal() {
				t.Errorf("%s: %+v", format, c.Differences)
			}
			if tree.Cmdline != "console=ttyS0" {
				t.Errorf("%s: command line %q", format, tree.Cmdline)
			}
		}
	}
	// the name of one of the files means all of them
	if c := Diff(want, mustOpen(t, files["kernel+initrd"]+"-initrd.img"), DiffOptions{}); !c.Equal() {
		t.Errorf("by the name of the initrd: %+v", c.Differences)
	}
}

func TestReport(t *testing.T) {
	r := mustOpen(t, outputs(t, sample())["tar"]).Report()
	if r.Size != 5000+13+300+2000+700+700+3 || r.Files != 8 || r.Directories != 5 {
		t.Errorf("size %d, %d files, %d directories", r.Size, r.Files, r.Directories)
	}
	if k := r.Kernel; k == nil || k.Size != 5000 || k.Modules != 1 || k.ModulesSize != 300 || fmt.Sprint(k.Release) != "[6.12.1]" || k.Cmdline != "console=ttyS0" {
		t.Errorf("kernel is %+v", k)
	}
	if len(r.Duplicates) != 1 || r.Wasted != 700 || fmt.Sprint(r.Duplicates[0].Names) != "[one two]" {
		t.Errorf("duplicates are %+v", r.Duplicates)
	}
	sizes := map[string]int64{}
	sum := int64(0)
	for _, s := range r.Segments {
		sizes[s.Location] = s.Size
		sum += s.Size
	}
	if sizes["kernel"] != 5313 || sizes["init[0]"] != 2000 || sizes["services[0]"] != 1400 || sizes["files[0]"] != 3 || sum != r.Size {
		t.Errorf("segments are %v of %d", sizes, r.Size)
	}
	if l := r.Largest(2); len(l) != 2 || l[0].Name != "boot/kernel" || l[1].Size != 2000 {
		t.Errorf("largest are %+v", l)
	}
	for _, e := range r.Entries {
		if e.Name == "bin/sh" && e.Link != "bin/ash" {
			t.Errorf("the second name of a file is told as %+v", e)
		}
	}
}

// TestInitrdParts wants the directory and the place of each archive.
func TestInitrdParts(t *testing.T) {
	items := sample()
	tree := mustOpen(t, outputs(t, items)["initrd"])
	var got []string
	stored := int64(0)
	for _, s := range tree.Segments {
		got = append(got, s.Location+" "+s.Source)
		stored += s.Stored
	}
	if want := "[archive[0] /lib/modules/6.12.1/ archive[1] / archive[2] /]"; fmt.Sprint(got) != want {
		t.Errorf("parts are %v, want %s", got, want)
	}
	if padding := tree.Stored - stored; padding < 107 || padding > 107+1024 {
		t.Errorf("the parts take %d of %d bytes", stored, tree.Stored)
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func([]item) []item
		want   string
	}{
		{"nothing", func(i []item) []item { return i }, ""},
		{"mode", func(i []item) []item { i[7].header.Mode = 0o700; return i }, "changed bin: mode 0755 0700"},
		{"owner", func(i []item) []item { i[8].header.Uid = 7; return i }, "changed bin/ash: owner 0:0 7:0; changed bin/sh: owner 0:0 7:0"},
		{"size", func(i []item) []item { i[13] = file("one", "x", "services[0]"); return i }, "changed one: size 700 1"},
		{"content", func(i []item) []item { i[15] = file("etc", "mew", "files[0]"); return i }, "changed etc: content"},
		{"link", func(i []item) []item { i[10].header.Linkname = "ash"; return i }, "changed bin/su: link sh ash"},
		{"mode of a link", func(i []item) []item { i[10].header.Mode = 0o644; return i }, ""},
		{"device", func(i []item) []item { i[11].header.Devminor = 5; return i }, "changed null: device 1:3 1:5"},
		{"type", func(i []item) []item { i[11].header.Typeflag = tar.TypeFifo; return i }, "changed null: type character device fifo"},
		{"time", func(i []item) []item { i[13].header.ModTime = i[13].header.ModTime.AddDate(0, 0, 1); return i }, "changed one: time 2001-09-09 01:46:40 2001-09-10 01:46:40"},
		{"added", func(i []item) []item { return append(i, file("zzz", "1234", "files[1]")) }, "added zzz:"},
		{"removed", func(i []item) []item { return i[:len(i)-1] }, "removed empty:"},
		{"other origin", func(i []item) []item { i[13].location = "onboot[0]"; return i }, ""},
		{"replaced on the way", func(i []item) []item { i[12] = file("etc", "other", "init[0]"); return i }, ""},
	} {
		dir := t.TempDir()
		a := mustOpen(t, write(t, dir, "a", writeTar(t, sample())))
		b := mustOpen(t, write(t, dir, "b", writeTar(t, c.change(sample()))))
		var got []string
		d := Diff(a, b, DiffOptions{Times: true})
		for _, x := range d.Differences {
			text := x.Kind + " " + x.Name + ":"
			for _, y := range x.Changes {
				text += " " + y.What
				if y.What != "content" {
					text += " " + y.Before + " " + y.After
				}
			}
			got = append(got, text)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
		if d.Added+d.Removed+d.Changed != len(d.Differences) || d.Equal() != (c.want == "") {
			t.Errorf("%s: totals are wrong: %+v", c.name, d)
		}
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	good := initrd(t, sample())
	for name, data := range map[string][]byte{
		"empty":           {},
		"text":            []byte("hello, world"),
		"cut tar":         writeTar(t, sample())[:3000],
		"cut initrd":      good[:len(good)/2],
		"cut in the zstd": good[:len(good)-20],
		"junk at the end": append(bytes.Clone(good), "junk, junk"...),
		"lone link":       writeTar(t, sample()[9:10]),
	} {
		_, err := Open(t.Context(), write(t, dir, "x", data))
		if err == nil || !strings.Contains(err.Error(), "read output "+dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), dir); !errors.Is(err, ErrFormat) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Open(t.Context(), dir+"/absent"); err == nil {
		t.Error("an absent file can be read")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(writeTar(f, sample()))
	f.Add(initrd(f, sample()))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := Open(t.Context(), write(t, t.TempDir(), "x", data))
		if err != nil {
			return
		}
		var page bytes.Buffer
		r := tree.Report()
		if err := r.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if !Diff(tree, tree, DiffOptions{Times: true}).Equal() {
			t.Error("a tree differs from itself")
		}
	})
}

package kmod

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// source returns an assembly file that becomes a module with some fields in
// .modinfo, exported symbols, and undefined symbols.
func source(fields, exports, imports []string) string {
	var b strings.Builder
	b.WriteString(".section .modinfo,\"a\"\n")
	for _, f := range fields {
		b.WriteString(".asciz \"" + f + "\"\n")
	}
	b.WriteString(".section __ksymtab_strings,\"a\"\n")
	for _, e := range exports {
		b.WriteString(".asciz \"" + e + "\"\n")
	}
	b.WriteString(".data\n")
	for i, e := range exports {
		b.WriteString("__crc_" + e + " = " + string(rune('1'+i)) + "\n.globl __crc_" + e + "\n.globl " + e + "\n" + e + ": .quad 0\n")
	}
	for _, s := range imports {
		b.WriteString(".quad " + s + "\n")
	}
	return b.String()
}

// tree makes lib/modules/1.0 of real object files below a new directory.
func tree(t testing.TB) (base, dir string) {
	t.Helper()
	if _, err := exec.LookPath("as"); err != nil {
		t.Skip("no assembler (package binutils)")
	}
	base = t.TempDir()
	dir = filepath.Join(base, "lib/modules/1.0")
	if err := os.MkdirAll(filepath.Join(dir, "kernel/drivers"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kernel/low-level.ko": source([]string{"name=low_level", "depends=", "vermagic=1.0 SMP", "alias=pci:v0000[0-9]d*sv*-x"}, []string{"low_a", "low_b"}, nil),
		"kernel/middle.ko":    source([]string{"depends=low-level", "softdep=pre: crc post: other", "alias=char-major-10-200", "alias=devname:net/tun"}, []string{"middle"}, []string{"low_a"}),
		"kernel/drivers/a.ko": source([]string{"depends=middle,low-level", "alias=a-b-c", "alias=virtio:d00000001v*"}, nil, []string{"middle", "low_b"}),
		"kernel/crc32.ko":     source([]string{"depends=", "alias=crc", "alias=crypto-crc"}, nil, nil),
	} {
		cmd := exec.Command("as", "-o", filepath.Join(dir, name))
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("as: %v\n%s", err, out)
		}
	}
	for name, text := range map[string]string{
		"modules.order":           "kernel/middle.ko\nkernel/drivers/a.ko\nkernel/low-level.ko\nkernel/crc32.ko\n",
		"modules.builtin":         "kernel/fs/ext4/ext4.ko\nkernel/lib/aes-generic.ko\n",
		"modules.builtin.modinfo": "ext4.license=GPL\x00ext4.alias=fs-ext3\x00ext4.alias=fs-ext2\x00tracefs.alias=fs-tracefs\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return base, dir
}

func TestDepmod(t *testing.T) {
	base, dir := tree(t)
	depmod(t, base, "1.0")
	compareDepmod(t, loadTree(t, dir), dir)
}

func TestDependencyOrder(t *testing.T) {
	_, dir := tree(t)
	files, err := loadTree(t, dir).Files()
	if err != nil {
		t.Fatal(err)
	}
	want := "kernel/drivers/a.ko: kernel/middle.ko kernel/low-level.ko\n"
	if got := string(files["modules.dep"]); !strings.Contains(got, want) {
		t.Errorf("modules.dep is %q, want the line %q", got, want)
	}
}

func TestWith(t *testing.T) {
	_, dir := tree(t)
	all := loadTree(t, dir)
	for pattern, want := range map[string][]string{
		"a":         {"middle", "a", "low_level", "crc32"}, // crc32 is named by a soft dependency on its alias
		"low-level": {"low_level"},
		"crc*":      {"crc32"},
		"ext4":      nil,
	} {
		found, known := all.Match(pattern)
		if !known {
			t.Errorf("%s is not known", pattern)
		}
		part, err := all.With(found)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range part.Modules() {
			got = append(got, m.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("with %s: %v, want %v", pattern, got, want)
		}
	}
	if _, known := all.Match("absent"); known {
		t.Error("an absent module is known")
	}
}

func TestBadSets(t *testing.T) {
	for name, modules := range map[string][]*Module{
		"missing": {{Path: "a.ko", Name: "a", Depends: []string{"b"}}},
		"circle":  {{Path: "a.ko", Name: "a", Depends: []string{"b"}}, {Path: "b.ko", Name: "b", Depends: []string{"a"}}},
	} {
		if _, err := NewSet(modules, nil, nil, nil).Files(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecompress(t *testing.T) {
	plain := bytes.Repeat([]byte("module"), 1000)
	for name, open := range map[string]func(io.Writer) (io.WriteCloser, error){
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := Decompress(b.Bytes()); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, err := Decompress(b.Bytes()[:b.Len()/2]); !errors.Is(err, ErrFormat) {
			t.Errorf("%s cut short: error %v, want ErrFormat", name, err)
		}
	}
	if got, err := Decompress([]byte("\x7fELF")); err != nil || string(got) != "\x7fELF" {
		t.Errorf("not compressed: %q, %v", got, err)
	}
}

func FuzzModule(f *testing.F) {
	_, dir := tree(f)
	for _, name := range []string{"kernel/middle.ko", "kernel/drivers/a.ko"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := Decompress(data)
		if err != nil {
			return
		}
		m, err := Parse("kernel/x.ko", plain)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("error %v does not wrap ErrFormat", err)
			}
			return
		}
		m.Depends = nil
		if _, err := NewSet([]*Module{m}, nil, nil, nil).Files(); err != nil {
			t.Error(err)
		}
	})
}

//go:build unix

package cpio

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// unpacked is a file as init/initramfs.c leaves it.
type unpacked struct {
	mode    uint32
	content string
	names   int
}

// unpack does what init/initramfs.c of Linux does with an archive: a regular
// file with a link count of two or more becomes a link to the earlier entry
// with its numbers, and content is written to whichever name brings it; a name
// that does not bring any leaves the file as it is.
func unpack(t *testing.T, data []byte) map[string]*unpacked {
	t.Helper()
	tree := map[string]*unpacked{}
	hash := map[string]*unpacked{}
	archive := 0
	r := NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return tree
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Archive != archive {
			archive, hash = h.Archive, map[string]*unpacked{}
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		node := &unpacked{mode: h.Mode, content: string(content)}
		if key := fmt.Sprint(h.Inode, h.Mode&TypeMask); h.Links >= 2 && h.Mode&TypeMask == TypeRegular {
			if old := hash[key]; old != nil {
				node = old
				if len(content) > 0 {
					node.content = string(content)
				}
			} else {
				hash[key] = node
			}
		}
		node.names++
		tree[h.Name] = node
	}
}

func TestKernelRules(t *testing.T) {
	one := write(t, sample()...)
	// The numbers of the second archive are those of the first.
	two := write(t, file("p", "other", 2), entry{Header{Name: "q", HardLink: "p"}, ""})
	tree := unpack(t, append(one, two...))
	if a := tree["d/a"]; a != tree["b"] || a != tree["c"] || a.names != 3 || a.content != "hello" {
		t.Errorf("d/a: %+v", a)
	}
	if x := tree["x"]; x != tree["d/y"] || x.content != "" {
		t.Errorf("x: %+v", x)
	}
	if p := tree["p"]; p != tree["q"] || p.names != 2 || p.content != "other" {
		t.Errorf("p: %+v", p)
	}
}

// TestProgram has the cpio program unpack an archive.
func TestProgram(t *testing.T) {
	program, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio program; install it to run this test")
	}
	all := sample()
	if os.Getuid() != 0 {
		t.Log("devices are left out: only root can make them")
		all = all[:8]
	}
	dir := t.TempDir()
	cmd := exec.Command(program, "-i", "-m", "--quiet", "--no-absolute-filenames")
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(write(t, all...))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"d/a", "b", "c"} {
		checkUnpacked(t, filepath.Join(dir, name), "hello", 3)
	}
	for _, name := range []string{"x", "d/y"} {
		checkUnpacked(t, filepath.Join(dir, name), "", 2)
	}
	if target, err := os.Readlink(filepath.Join(dir, "s")); err != nil || target != "d/a" {
		t.Errorf("s: %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "f")); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("f: %v, %v", info, err)
	}
}

func checkUnpacked(t *testing.T, name, content string, links uint64) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if string(data) != content || uint64(stat.Nlink) != links || info.ModTime().Unix() != 1e9 {
		t.Errorf("%s: content %q, %d links, %v", name, data, stat.Nlink, info.ModTime())
	}
}

// TestProgramArchives reads archives that the cpio program makes.
func TestProgramArchives(t *testing.T) {
	program, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio program; install it to run this test")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("hello"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"newc", "crc"} {
		cmd := exec.Command(program, "-o", "-H", format, "--quiet")
		cmd.Dir = dir
		cmd.Stdin = bytes.NewReader([]byte("a\nb\n"))
		data, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		tree := unpack(t, data)
		if tree["a"] != tree["b"] || tree["a"].content != "hello" || tree["a"].mode != TypeRegular|0o640 {
			t.Errorf("%s: %+v", format, tree["a"])
		}
	}
}

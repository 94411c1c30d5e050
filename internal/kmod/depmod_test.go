package kmod

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/pkgtest"
)

// loadTree reads the modules of a directory lib/modules/<version>.
func loadTree(t *testing.T, dir string) *Set {
	t.Helper()
	var modules []*Module
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !IsModule(file) {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if data, err = Decompress(data); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		m, err := Parse(rel, data)
		modules = append(modules, m)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		return data
	}
	return NewSet(modules, read("modules.order"), read("modules.builtin"), read("modules.builtin.modinfo"))
}

// depmod runs the real one on base/lib/modules/version.
func depmod(t *testing.T, base, version string) {
	t.Helper()
	command, err := exec.LookPath("depmod")
	if err != nil {
		command = "/usr/sbin/depmod"
	}
	if _, err := os.Stat(command); err != nil {
		t.Skip("depmod is not installed (package kmod)")
	}
	if out, err := exec.Command(command, "-b", base, version).CombinedOutput(); err != nil {
		t.Fatalf("depmod: %v\n%s", err, out)
	}
}

// compareDepmod compares what Files returns with what depmod wrote to dir.
func compareDepmod(t *testing.T, s *Set, dir string) {
	t.Helper()
	files, err := s.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue // older versions of depmod write fewer files
		}
		switch name {
		case "modules.dep.bin": // holds the lines of modules.dep in their order
		case "modules.dep":
			if got, want := depSets(files[name]), depSets(want); !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("modules.dep differs")
			}
		default:
			if !bytes.Equal(lineSet(name, files[name]), lineSet(name, want)) {
				t.Errorf("%s differs: %d bytes instead of %d", name, len(files[name]), len(want))
			}
		}
	}
}

// lineSet sorts the lines of text files.
func lineSet(name string, data []byte) []byte {
	if strings.HasSuffix(name, ".bin") {
		return data
	}
	all := strings.Split(string(data), "\n")
	slices.Sort(all)
	return []byte(strings.Join(all, "\n"))
}

func depSets(data []byte) map[string][]string {
	sets := map[string][]string{}
	for _, line := range lines(data) {
		file, deps, _ := strings.Cut(line, ":")
		sets[file] = strings.Fields(deps)
		slices.Sort(sets[file])
	}
	return sets
}

// TestKernels compares with depmod for every kernel of the host, or of the
// directory that holds lib/modules and that KMOD_TREE names, and for Debian's.
func TestKernels(t *testing.T) {
	trees := []string{filepath.Join("/", os.Getenv("KMOD_TREE")), debianKernel(t)}
	for _, tree := range trees {
		dirs, _ := filepath.Glob(filepath.Join(tree, "lib/modules/*/kernel"))
		for _, dir := range dirs {
			dir = filepath.Dir(dir)
			base := t.TempDir()
			copied := filepath.Join(base, "lib/modules", filepath.Base(dir))
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			depmod(t, base, filepath.Base(dir))
			compareDepmod(t, loadTree(t, copied), copied)
		}
	}
}

// debianKernel returns a directory with the modules of Debian's kernel.
func debianKernel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(pkgtest.Root(t, "kernel/debian"), "kernel.tar")
	if out, err := exec.Command("tar", "-x", "-C", dir, "-f", archive).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", archive, err, out)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "lib/modules/*/kernel")); len(found) != 1 {
		t.Fatalf("kernels in %s: %q", archive, found)
	}
	return dir
}

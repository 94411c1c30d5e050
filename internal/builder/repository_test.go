package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.yaml.in/yaml/v4"

	"github.com/linuxkit/linuxkit/internal/content"
)

// TestRepository makes the Debian and files layers of the packages of this
// repository and checks that the libraries and loaders which their programs need
// are in the image, for each architecture.
func TestRepository(t *testing.T) {
	if os.Getenv("LINUXKIT_TEST_DEBIAN") == "" {
		t.Skip("set LINUXKIT_TEST_DEBIAN=1 to download Debian packages from the mirror")
	}
	locks, err := filepath.Glob("../../*/*/" + LockFile)
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../*/pkg/*/" + LockFile)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	for _, lock := range append(locks, more...) {
		if strings.HasPrefix(lock, "../../tools/") {
			continue // files that are read, not run
		}
		r := readRecipe(t, filepath.Dir(lock))
		if r.Layers = slices.DeleteFunc(r.Layers, func(l Layer) bool { return l.Go != nil || l.Kernel != nil }); len(r.Layers) == 0 {
			continue
		}
		for _, arch := range DefaultArches {
			t.Run(filepath.Base(r.Dir)+"-"+arch, func(t *testing.T) { checkLibraries(t, s, r, arch) })
		}
	}
}

// readRecipe reads the layers of a build.yml.
func readRecipe(t *testing.T, dir string) Recipe {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "build.yml"))
	var file struct{ Layers []map[string]any }
	if err == nil {
		err = yaml.Unmarshal(data, &file)
	}
	for _, l := range file.Layers {
		if tree, ok := l["files"].(string); ok {
			l["files"] = map[string]any{"path": tree}
		}
		if names, ok := l["debian"].([]any); ok {
			l["debian"] = map[string]any{"packages": names}
		}
	}
	r := Recipe{Dir: dir}
	text, jsonErr := json.Marshal(file.Layers)
	if err = errors.Join(err, jsonErr); err == nil {
		err = json.Unmarshal(text, &r.Layers)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func checkLibraries(t *testing.T, s *content.Store, r Recipe, arch string) {
	desc, err := Build(context.Background(), s, r, ocispec.Platform{OS: "linux", Architecture: arch})
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	readJSON(t, s, desc[0], &m)
	have, links, needed := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, l := range m.Layers {
		scan(t, s, l, func(h *tar.Header, data []byte) {
			have[path.Clean(h.Name)] = true
			if h.Typeflag == tar.TypeSymlink {
				links[h.Name] = h.Linkname
			}
			for _, file := range needs(t, h.Name, data, machines[arch]) {
				needed[file] = h.Name
			}
		})
	}
	names := map[string]bool{}
	for name := range have {
		names[path.Base(name)] = true
	}
	for file, by := range needed {
		found := names[file]
		if path.IsAbs(file) {
			found = have[follow(file[1:], links)]
		}
		if !found {
			t.Errorf("%s needs %s, which is not in the image", by, file)
		}
	}
	if len(needed) == 0 && len(names) < 3 {
		t.Errorf("the image has %d files", len(names))
	}
}

func scan(t *testing.T, s *content.Store, d ocispec.Descriptor, each func(*tar.Header, []byte)) {
	t.Helper()
	r, err := s.Reader(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	z, err := zstd.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		data, readErr := io.ReadAll(tr)
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		each(h, data)
	}
}

// needs returns the libraries and, as an absolute path, the loader of a program.
func needs(t *testing.T, name string, data []byte, machine elf.Machine) []string {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	if f.Machine != machine {
		t.Errorf("%s is for %v", name, f.Machine)
	}
	files, err := f.ImportedLibraries()
	if err != nil {
		t.Errorf("read %s: %v", name, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			loader, err := io.ReadAll(p.Open())
			if err != nil {
				t.Errorf("read %s: %v", name, err)
			}
			files = append(files, string(bytes.TrimRight(loader, "\x00")))
		}
	}
	return files
}

package fsimagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Writer is what all encoders have.
type Writer interface {
	Add(ctx context.Context, e fsimage.Entry, content io.Reader) error
	Close() error
	Size() int64
}

// Time is that of the images of a suite.
var Time = time.Unix(1700000000, 0)

// Suite is what all encoders have to do.
type Suite struct {
	// Type is the name of the file system for mount(8).
	Type string
	// Precision is that of times.
	Precision time.Duration
	// System says that there are attributes of the prefix system.
	System bool
	// Variants are encoders with the time of the package.
	Variants map[string]func(w io.WriterAt, workers int) Format
	// Usual is the variant for what all have in common.
	Usual string
	// Judge compares an image with the tree, as another program sees it. It
	// may be nil.
	Judge func(t *testing.T, variant, image string, want map[string]Record)
}

// Run runs all tests.
func (s *Suite) Run(t *testing.T) {
	t.Run("random", s.random)
	t.Run("deterministic", s.deterministic)
	t.Run(s.Usual, s.RunUsual)
}

// RunUsual runs the tests of what all variants have in common.
func (s *Suite) RunUsual(t *testing.T) {
	t.Run("packs", s.packs)
	t.Run("names", s.names)
	t.Run("links", s.links)
	t.Run("order", s.order)
	t.Run("sparse", s.sparse)
	t.Run("many", s.many)
	t.Run("same", s.same)
	t.Run("memory", s.Memory)
	t.Run("errors", s.errors)
}

// write makes an image of the files.
func (s *Suite) write(t *testing.T, variant string, workers int, files []File) string {
	t.Helper()
	return s.writeWith(t, func(w io.WriterAt) Writer { return s.Variants[variant](w, workers).NewWriter(0) }, files)
}

// writePacks makes an image out of packs of so many files, as is usual.
func (s *Suite) writePacks(t *testing.T, each int, files []File) string {
	t.Helper()
	return s.writeWith(t, func(w io.WriterAt) Writer { return s.Variants[s.Usual](w, 0).NewWriter(each) }, files)
}

// usual returns a writer of the usual variant.
func (s *Suite) usual(w io.WriterAt) Writer { return s.Variants[s.Usual](w, 0).NewWriter(0) }

func (s *Suite) writeWith(t *testing.T, create func(io.WriterAt) Writer, files []File) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := create(f)
	for _, file := range files {
		if err := w.Add(t.Context(), file.Entry, file.Reader()); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != w.Size() {
		t.Errorf("the image is not %d bytes long: %v", w.Size(), err)
	}
	return name
}

// check has the kernel and the other program look at the image.
func (s *Suite) check(t *testing.T, variant, image string, want map[string]Record) {
	t.Helper()
	if s.Judge != nil {
		t.Run("program", func(t *testing.T) { s.Judge(t, variant, image, maps.Clone(want)) })
	}
	t.Run("kernel", func(t *testing.T) {
		got, err := Read(Mount(t, s.Type, image))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the tree differs (-want +got):\n%.4000s", diff)
		}
	})
}

func (s *Suite) expect(files []File) map[string]Record { return Expect(files, s.Precision, Time) }

func (s *Suite) random(t *testing.T) {
	for n, variant := range slices.Sorted(maps.Keys(s.Variants)) {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(variant, seed), func(t *testing.T) {
				files := Random(seed+uint64(n)*100, s.System)
				s.check(t, variant, s.write(t, variant, 0, files), s.expect(files))
			})
		}
	}
}

// packs has the content in several packs.
func (s *Suite) packs(t *testing.T) {
	for n, files := range []int{1, 7, 50} {
		list := Random(uint64(n)+50, s.System)
		s.check(t, s.Usual, s.writePacks(t, files, list), s.expect(list))
	}
}

func (s *Suite) deterministic(t *testing.T) {
	for variant := range s.Variants {
		var files []File
		for seed := range uint64(6) {
			files = append(files, Random(seed, false)...)
		}
		one, err := os.ReadFile(s.write(t, variant, 1, files))
		if err != nil {
			t.Fatal(err)
		}
		eight, err := os.ReadFile(s.write(t, variant, 8, files))
		if err != nil || !bytes.Equal(one, eight) {
			t.Errorf("%s differs with 8 workers: %v", variant, err)
		}
	}
}

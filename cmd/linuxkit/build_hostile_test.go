package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// zeros is an endless supply of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// archive returns a tar of headers; files of more than a few bytes are zeros.
func archive(headers ...tar.Header) func(w io.Writer) error {
	return func(w io.Writer) error {
		t := tar.NewWriter(w)
		for _, h := range headers {
			if h.Typeflag == 0 {
				h.Typeflag = tar.TypeReg
			}
			if h.Mode == 0 {
				h.Mode = 0o755
			}
			if err := t.WriteHeader(&h); err != nil {
				return err
			}
			if _, err := io.CopyN(t, zeros{}, h.Size); err != nil {
				return err
			}
		}
		return t.Close()
	}
}

func many(n int) func(w io.Writer) error {
	return func(w io.Writer) error {
		t := tar.NewWriter(w)
		for i := range n {
			if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("d%d/f%d", i%1000, i), Mode: 0o644}); err != nil {
				return err
			}
		}
		return t.Close()
	}
}

func zipped(fn func(w io.Writer) error) func(w io.Writer) error {
	return func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if err := fn(z); err != nil {
			return err
		}
		return z.Close()
	}
}

// bomb is a file of size zero bytes in a few, compressed with zstd.
func bomb(size int64) func(w io.Writer) error {
	return func(w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return err
		}
		if err := archive(tar.Header{Name: "bomb", Size: size})(z); err != nil {
			return err
		}
		return z.Close()
	}
}

// addImage stores an image for amd64 of layers that fn write, lowest first.
func addImage(t *testing.T, cache, ref string, layers ...func(io.Writer) error) {
	t.Helper()
	addImages(t, cache, ref, map[string][]func(io.Writer) error{"amd64": layers})
}

// addImages stores the layers of an image by architecture.
func addImages(t *testing.T, cache, ref string, layers map[string][]func(io.Writer) error) {
	t.Helper()
	s, err := content.Open(cache)
	if err != nil {
		t.Fatal(err)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for arch, fns := range layers {
		d := putManifest(t, s, ref, arch, fns)
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		index.Manifests = append(index.Manifests, d)
	}
	if err := s.Tag(t.Context(), ref, putDocument(t, s, index.MediaType, index)); err != nil {
		t.Fatal(err)
	}
}

func putManifest(t *testing.T, s *content.Store, ref, arch string, layers []func(io.Writer) error) ocispec.Descriptor {
	t.Helper()
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: arch}}
	config.Config.Entrypoint = []string{"/x"}
	for _, fn := range layers {
		m.Layers = append(m.Layers, putLayer(t, s, fn))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromString(ref))
	}
	m.Config = putDocument(t, s, ocispec.MediaTypeImageConfig, config)
	return putDocument(t, s, m.MediaType, m)
}

func putLayer(t *testing.T, s *content.Store, fn func(io.Writer) error) ocispec.Descriptor {
	t.Helper()
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := fn(w); err != nil {
		t.Fatal(err)
	}
	d, err := w.Commit(t.Context(), ocispec.MediaTypeImageLayerGzip, "")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func putDocument(t *testing.T, s *content.Store, mediaType string, v any) ocispec.Descriptor {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Put(t.Context(), mediaType, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hostile are layers that no build must do anything with.
var hostile = map[string]struct {
	layers []func(io.Writer) error
	want   string
}{
	"traversal":          {[]func(io.Writer) error{archive(tar.Header{Name: "../../etc/passwd"})}, `name with ".."`},
	"traversal inside":   {[]func(io.Writer) error{archive(tar.Header{Name: "a/../../etc/passwd"})}, `name with ".."`},
	"link to outside":    {[]func(io.Writer) error{archive(tar.Header{Typeflag: tar.TypeLink, Name: "shadow", Linkname: "../../etc/shadow"})}, `name with ".."`},
	"link to nothing":    {[]func(io.Writer) error{archive(tar.Header{Typeflag: tar.TypeLink, Name: "shadow", Linkname: "/etc/shadow"})}, `leads to "etc/shadow"`},
	"link in a circle":   {[]func(io.Writer) error{archive(tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "a"})}, "hard link"},
	"long name":          {[]func(io.Writer) error{archive(tar.Header{Name: strings.Repeat("n", 64<<10)})}, "name of 65536 bytes, at most 4096 are allowed"},
	"long target":        {[]func(io.Writer) error{archive(tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: strings.Repeat("n", 64<<10)})}, "target of 65536 bytes, at most 4096 are allowed"},
	"whiteout of a dot":  {[]func(io.Writer) error{archive(tar.Header{Name: "a/.wh..."}, tar.Header{Name: "a/.wh."})}, "whiteout"},
	"decompression bomb": {[]func(io.Writer) error{bomb(2 << 30)}, "bytes become more than 1"},
	"no archive":         {[]func(io.Writer) error{func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat("hello ", 200)); return err }}, "neither a tar archive nor"},
	"cut off": {[]func(io.Writer) error{func(w io.Writer) error {
		var all bytes.Buffer
		if err := zipped(many(100))(&all); err != nil {
			return err
		}
		_, err := w.Write(all.Bytes()[:all.Len()/2])
		return err
	}}, "unexpected EOF"},
}

// TestHostileImages builds systems of images that were made to do harm: as init
// and as a container, in all formats that hold the tree.
func TestHostileImages(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			cache, dir := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
			if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
				t.Fatal(err)
			}
			addImage(t, cache, "docker.io/library/bad:1", c.layers...)
			writeFile(t, filepath.Join(dir, "init.yml"), `init: ["bad:1"]`)
			writeFile(t, filepath.Join(dir, "app.yml"), `services: [{name: bad, image: "bad:1"}]`)
			for _, args := range [][]string{
				{"-f", "tar", "init.yml"}, {"-f", "kernel+initrd", "app.yml"},
				{"-f", "kernel+squashfs", "init.yml"}, {"-f", "kernel+erofs", "app.yml"}, {"-f", "kernel+iso", "init.yml"},
			} {
				yaml := filepath.Join(dir, args[2])
				var stderr bytes.Buffer
				code := run(t.Context(), []string{"--cache", cache, "-q", "build", args[0], args[1], "--dir", dir, "--name", "out", yaml}, nil, io.Discard, &stderr)
				if code != 1 || !strings.Contains(stderr.String(), c.want) || !strings.Contains(stderr.String(), "sha256:") || stderr.Len() > 2000 {
					t.Errorf("%v: status %d: %.500s", args, code, &stderr)
				}
			}
			checkNothingLeft(t, dir, cache)
		})
	}
}

// checkNothingLeft wants neither outputs nor temporary files.
func checkNothingLeft(t *testing.T, dir, cache string) {
	t.Helper()
	for _, pattern := range []string{dir + "/out*", dir + "/.*", dir + "/tmp/*", cache + "/derived/*/*", cache + "/tmp*/*", cache + "/blobs/*/.*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

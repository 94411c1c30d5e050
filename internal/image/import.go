package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// AnnotationName is the annotation by which BuildKit and containerd record the
// full name of an image.
const AnnotationName = "io.containerd.image.name"

// AnnotationBuilt marks, in the index of the cache, images that this program
// built on this machine.
const AnnotationBuilt = "linuxkit.built"

// Import reads a tar of an OCI image layout or an archive of docker save, plain
// or compressed with gzip or zstd, and names its images in the cache: by the
// annotation that holds a full name, see [AnnotationName], else by the
// reference name if that is full.
func Import(ctx context.Context, s *content.Store, r io.Reader) ([]content.Named, error) {
	release, err := s.Pin(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	roots, err := Load(ctx, s, r)
	if err != nil {
		return nil, err
	}
	var named []content.Named
	for _, d := range roots {
		name, err := importName(d)
		if err != nil {
			return nil, fmt.Errorf("unable to load image: %w", err)
		}
		// What only we may say of an image is not believed.
		delete(d.Annotations, AnnotationBuilt)
		named = append(named, content.Named{Ref: name, Descriptor: d})
	}
	for _, n := range named {
		if err := s.Tag(ctx, n.Ref, n.Descriptor); err != nil {
			return nil, fmt.Errorf("unable to load image: %w", err)
		}
	}
	return named, nil
}

func importName(d ocispec.Descriptor) (string, error) {
	if name := d.Annotations[AnnotationName]; name != "" {
		return name, nil
	}
	name := d.Annotations[ocispec.AnnotationRefName]
	if strings.Contains(name, "/") && reference.Expand(name) == name {
		if _, err := reference.Parse(name); err == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("image %s has no full name: neither annotation %s nor %s (%q) holds one", d.Digest, AnnotationName, ocispec.AnnotationRefName, name)
}

// Load is [Import] without names: it returns the descriptors of the layout's
// index. Who names them must pin the store before.
func Load(ctx context.Context, s *content.Store, r io.Reader) ([]ocispec.Descriptor, error) {
	plain, err := decompress(r)
	if err != nil {
		return nil, fmt.Errorf("unable to load image: %w", err)
	}
	defer plain.Close()
	l := &loader{store: s, docker: newDockerArchive(s)}
	if err := l.load(ctx, tar.NewReader(plain)); err != nil {
		return nil, fmt.Errorf("unable to load image: %w", err)
	}
	return l.roots(ctx)
}

var (
	magicGzip = []byte{0x1f, 0x8b}
	magicZstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	head, err := b.Peek(4)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, errors.New("the input is empty")
	case strings.HasPrefix(string(head), string(magicGzip)):
		return gzip.NewReader(b)
	case strings.HasPrefix(string(head), string(magicZstd)):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	default:
		return io.NopCloser(b), nil
	}
}

type loader struct {
	store  *content.Store
	index  []byte
	docker *dockerArchive
}

func (l *loader) load(ctx context.Context, tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.entry(ctx, path.Clean(strings.TrimLeft(h.Name, "/")), h, tr); err != nil {
			return err
		}
	}
}

func (l *loader) entry(ctx context.Context, name string, h *tar.Header, r io.Reader) error {
	if h.Typeflag != tar.TypeReg || name != ocispec.ImageIndexFile && !strings.HasPrefix(name, "blobs/") {
		return l.docker.entry(ctx, name, h, r)
	}
	if name == ocispec.ImageIndexFile {
		if h.Size > content.MaxManifest {
			return fmt.Errorf("%w: index.json has %d bytes", content.ErrInvalid, h.Size)
		}
		data, err := io.ReadAll(r)
		l.index = data
		return err
	}
	algorithm, hex, ok := strings.Cut(strings.TrimPrefix(name, "blobs/"), "/")
	if !ok {
		return nil
	}
	d := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), hex)
	if err := d.Validate(); err != nil {
		return fmt.Errorf("invalid hash filename for %s: %w", name, err)
	}
	return l.blob(ctx, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: h.Size}, r)
}

// blob stores what is not there; what is there is still compared.
func (l *loader) blob(ctx context.Context, d ocispec.Descriptor, r io.Reader) error {
	if l.store.Has(ctx, d) {
		got, err := d.Digest.Algorithm().FromReader(r)
		if err == nil && got != d.Digest {
			err = fmt.Errorf("blob %s: %w: the content has digest %s", d.Digest, content.ErrCorrupt, got)
		}
		return err
	}
	task := progress.From(ctx).Task("import "+d.Digest.String(), d.Size)
	err := l.store.Copy(ctx, d, counted{r, task})
	task.Done(err)
	return err
}

// roots reads the index of the layout, else the manifest of docker.
func (l *loader) roots(ctx context.Context) ([]ocispec.Descriptor, error) {
	if l.index == nil && l.docker.documents[dockerManifest] != nil {
		roots, err := l.docker.roots(ctx)
		if err != nil {
			return nil, fmt.Errorf("unable to load image: %w", err)
		}
		return roots, nil
	}
	if l.index == nil {
		return nil, errors.New("unable to load image: the archive has neither index.json nor manifest.json, so it is no OCI image layout and not of docker save (make one with buildx: --output type=oci,name=<name>)")
	}
	var index ocispec.Index
	if err := json.Unmarshal(l.index, &index); err != nil {
		return nil, fmt.Errorf("unable to load image: error reading index.json: %w", err)
	}
	for _, d := range index.Manifests {
		if err := d.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("unable to load image: index.json: %w: digest %q: %w", content.ErrInvalid, d.Digest, err)
		}
	}
	return index.Manifests, nil
}

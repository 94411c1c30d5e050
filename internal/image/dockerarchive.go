package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

const (
	dockerManifest = "manifest.json"
	// maxDocuments bounds, in bytes, what is kept of an archive in memory, and
	// maxArchiveFiles how many files of it are.
	maxDocuments    = 32 << 20
	maxArchiveFiles = 10_000
)

// dockerArchive gathers what docker save writes: documents, which may come
// after the layers, and layers by their names in the archive.
type dockerArchive struct {
	store     *content.Store
	documents map[string][]byte
	kept      int
	layers    map[string]ocispec.Descriptor
	links     map[string]string
}

func newDockerArchive(s *content.Store) *dockerArchive {
	return &dockerArchive{store: s, documents: map[string][]byte{}, layers: map[string]ocispec.Descriptor{}, links: map[string]string{}}
}

// entry takes a file of an archive that is no part of an OCI layout.
func (a *dockerArchive) entry(ctx context.Context, name string, h *tar.Header, r io.Reader) error {
	if len(a.documents)+len(a.layers)+len(a.links) > maxArchiveFiles {
		return fmt.Errorf("%w: the archive has more than %d files", content.ErrInvalid, maxArchiveFiles)
	}
	switch {
	case h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink:
		a.links[name] = h.Linkname
		return nil
	case h.Typeflag != tar.TypeReg:
		return nil
	case strings.HasSuffix(name, ".tar"), strings.HasSuffix(name, ".tar.gz"):
		return a.layer(ctx, name, h.Size, r)
	case path.Ext(name) == ".json" && path.Dir(name) == ".", strings.HasPrefix(name, "sha256:"):
		return a.document(name, h.Size, r)
	default:
		return nil
	}
}

func (a *dockerArchive) document(name string, size int64, r io.Reader) error {
	if size > content.MaxManifest || a.kept+int(size) > maxDocuments {
		return fmt.Errorf("%w: %s has %d bytes", content.ErrInvalid, name, size)
	}
	data, err := io.ReadAll(r)
	a.documents[name] = data
	a.kept += len(data)
	return err
}

// layer stores a layer; its digest is known only then.
func (a *dockerArchive) layer(ctx context.Context, name string, size int64, r io.Reader) (err error) {
	w, err := a.store.Create(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	task := progress.From(ctx).Task("import "+name, size)
	defer func() { task.Done(err) }()
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, err := io.Copy(w, counted{b, task}); err != nil {
		return err
	}
	a.layers[name], err = w.Commit(ctx, layerType(head), "")
	return err
}

func layerType(head []byte) string {
	switch {
	case bytes.HasPrefix(head, magicGzip):
		return ocispec.MediaTypeImageLayerGzip
	case bytes.HasPrefix(head, magicZstd):
		return ocispec.MediaTypeImageLayerZstd
	default:
		return ocispec.MediaTypeImageLayer
	}
}

// roots makes a manifest for each image and returns it under each of its
// names.
func (a *dockerArchive) roots(ctx context.Context) ([]ocispec.Descriptor, error) {
	var images []dockerImage
	if err := json.Unmarshal(a.documents[dockerManifest], &images); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", content.ErrInvalid, dockerManifest, err)
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%w: %s names no image", content.ErrInvalid, dockerManifest)
	}
	var roots []ocispec.Descriptor
	for _, i := range images {
		d, err := a.image(ctx, i)
		if err != nil {
			return nil, err
		}
		for _, tag := range i.RepoTags {
			named := d
			named.Annotations = map[string]string{AnnotationName: reference.ExpandTagged(tag)}
			roots = append(roots, named)
		}
		if len(i.RepoTags) == 0 {
			roots = append(roots, d)
		}
	}
	return roots, nil
}

func (a *dockerArchive) image(ctx context.Context, i dockerImage) (ocispec.Descriptor, error) {
	data, ok := a.documents[path.Clean(i.Config)]
	if !ok {
		return ocispec.Descriptor{}, fmt.Errorf("%w: the archive lacks the configuration %q", content.ErrInvalid, i.Config)
	}
	var config ocispec.Image
	if err := json.Unmarshal(data, &config); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%w: configuration %q: %w", content.ErrInvalid, i.Config, err)
	}
	if len(config.RootFS.DiffIDs) != len(i.Layers) {
		return ocispec.Descriptor{}, fmt.Errorf("%w: the configuration %q is for %d layers, the archive has %d", content.ErrInvalid, i.Config, len(config.RootFS.DiffIDs), len(i.Layers))
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{}}
	for n, name := range i.Layers {
		d, err := a.find(ctx, name, config.RootFS.DiffIDs[n])
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		m.Layers = append(m.Layers, d)
	}
	var err error
	if m.Config, err = a.store.Put(ctx, ocispec.MediaTypeImageConfig, data); err != nil {
		return ocispec.Descriptor{}, err
	}
	if data, err = json.Marshal(m); err != nil {
		return ocispec.Descriptor{}, err
	}
	d, err := a.store.Put(ctx, ocispec.MediaTypeImageManifest, data)
	d.Platform = &ocispec.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	return d, err
}

// find returns the layer of a name, which must unpack to what diffID says.
func (a *dockerArchive) find(ctx context.Context, name string, diffID digest.Digest) (ocispec.Descriptor, error) {
	name = path.Clean(name)
	for range 8 { // links to links
		target, ok := a.links[name]
		if !ok {
			break
		}
		name = path.Join(path.Dir(name), target)
	}
	d, ok := a.layers[name]
	if !ok {
		return d, fmt.Errorf("%w: the archive lacks the layer %q", content.ErrInvalid, name)
	}
	got := d.Digest
	if d.MediaType != ocispec.MediaTypeImageLayer {
		var err error
		if got, err = a.unpacked(ctx, d); err != nil {
			return d, fmt.Errorf("layer %q: %w", name, err)
		}
	}
	if got != diffID {
		return d, fmt.Errorf("layer %q: %w: it has digest %s, the configuration says %s", name, content.ErrCorrupt, got, diffID)
	}
	return d, nil
}

func (a *dockerArchive) unpacked(ctx context.Context, d ocispec.Descriptor) (digest.Digest, error) {
	f, err := a.store.Reader(ctx, d)
	if err != nil {
		return "", err
	}
	defer f.Close()
	plain, err := decompress(f)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	return digest.Canonical.FromReader(plain)
}

// counted reports to a task what is read.
type counted struct {
	r    io.Reader
	task progress.Task
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.task.Add(int64(n))
	return n, err
}

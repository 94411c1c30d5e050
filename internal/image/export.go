package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// layoutText marks an OCI image layout, as LinuxKit writes it into archives.
const layoutText = "{\n\t\t\"imageLayoutVersion\": \"1.0.0\"\n\t}"

// ExportOCI writes the image as a tar of an OCI image layout that names it
// name. Equal images make equal archives.
func (i *Image) ExportOCI(ctx context.Context, w io.Writer, name string) error {
	a := &archive{tw: tar.NewWriter(w), image: i}
	index, err := i.layoutIndex(name)
	if err != nil {
		return err
	}
	a.file(ocispec.ImageLayoutFile, []byte(layoutText))
	a.dir("blobs/")
	a.dir("blobs/" + i.Descriptor.Digest.Algorithm().String() + "/")
	blobs := append([]ocispec.Descriptor{i.Manifest.Config}, i.Manifest.Layers...)
	for _, d := range unique(append(blobs, i.Descriptor)) {
		a.blob(ctx, "blobs/"+d.Digest.Algorithm().String()+"/"+d.Digest.Encoded(), d)
	}
	a.file(ocispec.ImageIndexFile, index)
	return a.close("OCI archive")
}

func (i *Image) layoutIndex(name string) ([]byte, error) {
	d := i.Descriptor
	d.Platform = &ocispec.Platform{OS: i.Config.OS, Architecture: i.Config.Architecture, Variant: i.Config.Variant}
	d.Annotations = map[string]string{ocispec.AnnotationRefName: name, AnnotationName: name}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{d}}
	index.SchemaVersion = 2
	return json.MarshalIndent(index, "", "   ")
}

// ExportDocker writes the image as an archive for docker load that names it
// name, with tag latest if it has none.
func (i *Image) ExportDocker(ctx context.Context, w io.Writer, name string) error {
	a := &archive{tw: tar.NewWriter(w), image: i}
	config := i.Manifest.Config.Digest.String()
	layers := []string{}
	a.blob(ctx, config, i.Manifest.Config)
	for _, d := range i.Manifest.Layers {
		layers = append(layers, dockerLayerName(d))
	}
	for _, d := range unique(i.Manifest.Layers) {
		a.dockerLayer(ctx, d)
	}
	manifest, err := json.Marshal([]dockerImage{{Config: config, RepoTags: []string{reference.ExpandTagged(name)}, Layers: layers}})
	if err != nil {
		return err
	}
	a.file("manifest.json", manifest)
	return a.close("docker archive")
}

// ExportFilesystem writes the flattened files of the image as a tar.
func (i *Image) ExportFilesystem(ctx context.Context, w io.Writer) error {
	tw := tar.NewWriter(w)
	err := layer.Flatten(ctx, i.Layers(), layer.Options{}, func(e *layer.Entry) error {
		if e.Header.Typeflag == tar.TypeDir {
			e.Header.Name += "/"
		}
		e.Header.Format = tar.FormatPAX
		if err := tw.WriteHeader(e.Header); err != nil || e.Content == nil {
			return err
		}
		_, err := io.Copy(tw, e.Content)
		return err
	})
	if err == nil {
		err = tw.Close()
	}
	if err != nil {
		return fmt.Errorf("write files of image %s: %w", i.Ref, err)
	}
	return nil
}

// dockerImage is an element of manifest.json in a docker archive.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func unique(all []ocispec.Descriptor) []ocispec.Descriptor {
	var once []ocispec.Descriptor
	seen := map[string]bool{}
	for _, d := range all {
		if !seen[d.Digest.String()] {
			seen[d.Digest.String()] = true
			once = append(once, d)
		}
	}
	return once
}

// archive writes a tar with fixed times. After an error nothing more is
// written.
type archive struct {
	tw    *tar.Writer
	image *Image
	err   error
}

func (a *archive) header(h *tar.Header) {
	h.ModTime = time.Unix(0, 0)
	if a.err == nil {
		a.err = a.tw.WriteHeader(h)
	}
}

func (a *archive) dir(name string) {
	a.header(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755})
}

func (a *archive) file(name string, data []byte) {
	a.content(name, int64(len(data)), bytes.NewReader(data))
}

func (a *archive) content(name string, size int64, r io.Reader) {
	a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size})
	if a.err == nil {
		_, a.err = io.Copy(a.tw, r)
	}
}

func (a *archive) blob(ctx context.Context, name string, d ocispec.Descriptor) {
	if a.err != nil {
		return
	}
	r, err := a.image.store.Verified(ctx, d)
	if err != nil {
		a.err = err
		return
	}
	defer r.Close()
	task := progress.From(ctx).Task("export "+d.Digest.String(), d.Size)
	a.content(name, d.Size, counted{r, task})
	task.Done(a.err)
}

func (a *archive) close(what string) error {
	if a.err == nil {
		a.err = a.tw.Close()
	}
	if a.err != nil {
		return fmt.Errorf("write image %s as %s: %w", a.image.Ref, what, a.err)
	}
	return nil
}

package rootfs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

const (
	volumesDir   = "containers/volumes"
	volumeSource = "linuxkit.volumes"
	// layoutFile is the marker of an OCI image layout.
	layoutFile = "{\n\t\t\"imageLayoutVersion\": \"1.0.0\"\n\t}"
)

// volumeSegments describes volume i: its content, and the directories that
// init mounts.
func (p *planner) volumeSegments(ctx context.Context, i int, v *config.Volume) ([]*Segment, error) {
	location := fmt.Sprintf("volume[%d]", i)
	base := join(volumesDir, v.Name)
	content, err := p.volumeContent(ctx, v, location, base+"/lower")
	if err != nil {
		return nil, err
	}
	dirs := generated(volumeSource, location, func() []*Entry {
		return []*Entry{dirEntry(base+"/tmp", 0o755), dirEntry(base+"/merged", 0o755)}
	})
	return []*Segment{content, dirs}, nil
}

func (p *planner) volumeContent(ctx context.Context, v *config.Volume, location, lower string) (*Segment, error) {
	switch {
	case v.Image == "":
		return generated("empty", location, func() []*Entry { return prefixDirs(lower) }), nil
	case v.Format == "oci":
		return p.layoutSegment(ctx, v, location, lower)
	default:
		img, err := p.image(v.Image)
		if err != nil {
			return nil, err
		}
		p.unpacked(img, location, lower)
		s := imageSegment(img, location, lower, useRoot)
		s.Title = "Process volume image: " + img.Ref
		return s, nil
	}
}

// layoutSegment holds an OCI image layout of the volume's image.
func (p *planner) layoutSegment(ctx context.Context, v *config.Volume, location, lower string) (*Segment, error) {
	var platforms []ocispec.Platform
	for _, name := range v.Platforms {
		platform, err := image.ParsePlatform(name)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", v.Name, err)
		}
		platforms = append(platforms, platform)
	}
	ref := reference.Expand(v.Image)
	l, err := p.opts.Images.Layout(ctx, ref, platforms)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %w", v.Name, err)
	}
	s := &Segment{Source: ref, Location: location, Title: "Process volume image: " + ref}
	s.Key = keyOf(segmentVersion, "layout", lower, ref, l.Root.Digest.String(), fmt.Sprint(v.Platforms))
	s.walk = func(ctx context.Context, _ *Tree, emit Emit) error {
		return walkLayout(ctx, l, ref, lower, emit)
	}
	return s, nil
}

// walkLayout emits the files of an image layout that holds l.
func walkLayout(ctx context.Context, l *image.Layout, ref, lower string, emit Emit) error {
	epoch := func(e *Entry) *Entry {
		e.Header.ModTime = time.Unix(0, 0).UTC()
		return e
	}
	head := append(prefixDirs(lower),
		epoch(fileEntry(lower+"/oci-layout", 0o644, []byte(layoutFile))),
		epoch(dirEntry(lower+"/blobs", 0o755)), epoch(dirEntry(lower+"/blobs/sha256", 0o755)))
	if err := emitAll(head, emit); err != nil {
		return err
	}
	for _, desc := range l.Blobs {
		if err := emitBlob(ctx, l, desc, lower, emit); err != nil {
			return err
		}
	}
	index, err := layoutIndex(l.Root, ref)
	if err != nil {
		return err
	}
	return emit(epoch(fileEntry(lower+"/index.json", 0o644, index)))
}

func emitBlob(ctx context.Context, l *image.Layout, desc ocispec.Descriptor, lower string, emit Emit) error {
	r, err := l.Open(ctx, desc)
	if err != nil {
		return err
	}
	defer r.Close()
	e := fileEntry(lower+"/blobs/sha256/"+desc.Digest.Encoded(), 0o644, nil)
	e.Header.ModTime = time.Unix(0, 0).UTC()
	e.Header.Size = desc.Size
	e.Content = io.LimitReader(r, desc.Size)
	return emit(e)
}

// layoutIndex returns an index.json that names root.
func layoutIndex(root ocispec.Descriptor, ref string) ([]byte, error) {
	root.Annotations = map[string]string{ocispec.AnnotationRefName: ref}
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{root}}
	index.SchemaVersion = 2
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", "   ")
	if err := enc.Encode(index); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

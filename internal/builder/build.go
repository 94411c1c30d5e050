// Package builder makes the image of a package for one platform out of layers:
// Go programs, Debian packages, plain files, Debian's kernel. It needs neither
// daemon nor root nor emulation, and gives the same bytes for the same inputs.
//
// It knows nothing of build.yml, tags or registries (package pkglib does), never
// runs anything that comes out of an image or a Debian package, and takes from
// the network only what debian.lock names, by hash. The only foreign programs
// are go for layers of that kind, and apt for [Lock].
package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/attest"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// defaultEpoch is the time of everything in an image unless SOURCE_DATE_EPOCH
// says otherwise: 2017-04-18 16:30:00 UTC.
const defaultEpoch = 1492533000

// job is one call of [Build].
type job struct {
	store    *content.Store
	recipe   Recipe
	platform ocispec.Platform
	mtime    time.Time
	below    below
	parts    attest.Parts
}

// below is what the lower layers mean for the next one.
type below struct {
	dirs  map[string]bool
	links map[string]string
}

// Build makes the image of r for platform p and writes its blobs to s. It
// returns the descriptors for an index: that of the manifest, with the platform
// set, and then that of the attestations about it.
func Build(ctx context.Context, s *content.Store, r Recipe, p ocispec.Platform) ([]ocispec.Descriptor, error) {
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("build package %s: %w", r.Dir, err)
	}
	mtime, err := Epoch()
	if err != nil {
		return nil, err
	}
	j := &job{store: s, recipe: r, platform: p, mtime: mtime, below: below{map[string]bool{}, map[string]string{}}}
	desc, err := j.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("build package %s for %s/%s: %w", r.Dir, p.OS, p.Architecture, err)
	}
	about, err := attest.Store(ctx, s, j.facts(desc))
	return []ocispec.Descriptor{desc, about}, err
}

func (j *job) run(ctx context.Context) (ocispec.Descriptor, error) {
	if j.platform.OS != "linux" {
		return ocispec.Descriptor{}, fmt.Errorf("%w: operating system %q instead of linux", ErrRecipe, j.platform.OS)
	}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	image := j.image()
	for i, l := range j.recipe.Layers {
		if !l.isFor(j.platform.Architecture) {
			continue
		}
		name := l.describe()
		progress.Debugf(ctx, "layer %d of %s: %s", i+1, j.recipe.Dir, name)
		done, err := j.layer(ctx, l)
		if err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("layer %d (%s): %w", i+1, name, err)
		}
		j.below.add(done)
		manifest.Layers = append(manifest.Layers, done.Blob)
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, done.DiffID)
		image.History = append(image.History, ocispec.History{Created: &j.mtime, CreatedBy: name})
	}
	if len(manifest.Layers) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("%w: no layer is for %s; leave it out of arches", ErrRecipe, j.platform.Architecture)
	}
	return j.finish(ctx, manifest, image)
}

func (j *job) layer(ctx context.Context, l Layer) (*stored, error) {
	switch {
	case l.Go != nil:
		return j.goLayer(ctx, l.Go)
	case l.Debian != nil:
		return j.debianLayer(ctx, l.Debian)
	case l.Kernel != nil:
		return j.kernelLayer(ctx, l.Kernel)
	default:
		return j.filesLayer(ctx, l.Files)
	}
}

// write stores t as the next layer.
func (j *job) write(ctx context.Context, t *tree) (*stored, error) {
	return writeLayer(ctx, j.store, t, j.below.dirs, j.mtime)
}

// image returns the configuration without layers.
func (j *job) image() ocispec.Image {
	r := j.recipe
	return ocispec.Image{
		Created:  &j.mtime,
		Platform: ocispec.Platform{OS: j.platform.OS, Architecture: j.platform.Architecture, Variant: j.platform.Variant},
		Config: ocispec.ImageConfig{
			Entrypoint: r.Entrypoint, Cmd: r.Cmd, Env: r.Env, WorkingDir: r.WorkingDir, User: r.User, Labels: r.Labels,
		},
		RootFS: ocispec.RootFS{Type: "layers"},
	}
}

// finish stores configuration and manifest.
func (j *job) finish(ctx context.Context, m ocispec.Manifest, image ocispec.Image) (ocispec.Descriptor, error) {
	var err error
	if m.Config, err = j.putJSON(ctx, ocispec.MediaTypeImageConfig, image); err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := j.putJSON(ctx, ocispec.MediaTypeImageManifest, m)
	desc.Platform = &ocispec.Platform{OS: j.platform.OS, Architecture: j.platform.Architecture, Variant: j.platform.Variant}
	return desc, err
}

func (j *job) putJSON(ctx context.Context, mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return j.store.Put(ctx, mediaType, data)
}

func (b *below) add(s *stored) {
	for _, d := range s.Dirs {
		b.dirs[d] = true
	}
	for name, target := range s.Links {
		b.links[name] = target
	}
}

// Epoch is the time of everything in an image: that of SOURCE_DATE_EPOCH, or a
// fixed one.
func Epoch() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(defaultEpoch, 0).UTC(), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %q is not a number of seconds", text)
	}
	return time.Unix(n, 0).UTC(), nil
}

// cachedLayer returns the layer that was made with the same key before, or
// makes and remembers it. The key must name all that determines the bytes.
func (j *job) cachedLayer(ctx context.Context, key any, build func() (*stored, error)) (*stored, error) {
	text, err := json.Marshal([]any{"builder/layer/3", layerMediaType, j.mtime.Unix(), j.below.dirs, j.below.links, key})
	if err != nil {
		return nil, err
	}
	name := "builder-layer-" + digest.FromBytes(text).Encoded()
	if s := j.remembered(ctx, name); s != nil {
		return s, nil
	}
	s, err := build()
	if err != nil {
		return nil, err
	}
	return s, j.remember(ctx, name, s)
}

func (j *job) remembered(ctx context.Context, name string) *stored {
	f, err := j.store.Derived().Get(ctx, name)
	if err != nil {
		return nil
	}
	defer f.Close()
	s := &stored{}
	if json.NewDecoder(f).Decode(s) != nil || s.Blob.Digest.Validate() != nil || !j.store.Has(ctx, s.Blob) {
		return nil
	}
	return s
}

func (j *job) remember(ctx context.Context, name string, s *stored) error {
	w, err := j.store.Derived().Create(ctx, name)
	if err != nil {
		return fmt.Errorf("remember a layer: %w", err)
	}
	defer w.Close()
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("remember a layer: %w", err)
	}
	return w.Commit()
}

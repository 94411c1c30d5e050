package pkglib

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.yaml.in/yaml/v4"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/builder"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// layerList is the decoded `layers` of a build.yml.
type layerList = []builder.Layer

// maker makes the image of a package for one platform in the store of o and
// returns the descriptors of its manifest and of the attestations about it.
type maker func(ctx context.Context, o *buildOpts, p Pkg, labels map[string]string, platform ocispec.Platform) ([]ocispec.Descriptor, error)

func makeLayers(ctx context.Context, o *buildOpts, p Pkg, labels map[string]string, platform ocispec.Platform) ([]ocispec.Descriptor, error) {
	r := p.recipe()
	r.Labels = labels
	return builder.Build(ctx, o.store, r, platform)
}

// tellLayers says what makeLayers would do.
func tellLayers(_ context.Context, o *buildOpts, p Pkg, _ map[string]string, platform ocispec.Platform) ([]ocispec.Descriptor, error) {
	_, err := fmt.Fprintf(o.out, "make %d layers of %s for %s\n", len(p.info.layers), p.dir, formatPlatform(platform))
	return nil, err
}

func (p Pkg) recipe() builder.Recipe {
	return builder.Recipe{
		Dir:        p.dir,
		Name:       p.FullTag(),
		Layers:     p.info.layers,
		Entrypoint: p.info.Entrypoint,
		Cmd:        p.info.Cmd,
		Env:        p.info.Env,
		WorkingDir: p.info.WorkingDir,
		User:       p.info.User,
		Labels:     p.info.Labels,
	}
}

// ErrNoLayers says that a package has no layers, where they are needed.
var ErrNoLayers = errors.New("has no layers in its build.yml")

// Lock writes the file beside the build.yml that pins the Debian packages of
// the layers, for the architectures of the package. A package whose layers
// have none needs no such file and gets none.
func (p Pkg) Lock(ctx context.Context) error {
	if len(p.info.layers) == 0 {
		return fmt.Errorf("package %s (%s) %w", p.Tag(), p.dir, ErrNoLayers)
	}
	r := p.recipe()
	if !r.NeedsLock() {
		return nil
	}
	progress.Infof(ctx, "locking the Debian packages of %s", p.dir)
	return builder.Lock(ctx, r, p.info.Arches)
}

func decodeConfig(d document, n *yaml.Node) (*config.ImageConfig, error) {
	if isNull(resolve(n)) {
		return nil, nil
	}
	c, err := config.DecodeImageConfig(d.file, n)
	return &c, err
}

// decodeLayers decodes the list of layers, each a mapping of exactly one kind.
func decodeLayers(d document, n *yaml.Node) (layerList, error) {
	nodes, err := d.sequence(n, "a list of layers")
	if err != nil {
		return nil, err
	}
	list := make(layerList, len(nodes))
	for i, item := range nodes {
		item = resolve(item)
		if err := d.checkLayer(item); err != nil {
			return nil, err
		}
		if err := longForm(item).Load(&list[i], yaml.WithKnownFields()); err != nil {
			return nil, d.locate(item, err)
		}
	}
	return list, nil
}

var layerKinds = []string{"go", "debian", "files", "kernel"}

func (d document) checkLayer(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || !slices.Contains(layerKinds, resolve(n.Content[0]).Value) {
		return d.errorf(n, "a layer is a mapping with exactly one of the keys %s", strings.Join(layerKinds, ", "))
	}
	return nil
}

// longForm writes out the short forms "files: <path>" and
// "debian: [<package>, ...]".
func longForm(n *yaml.Node) *yaml.Node {
	kind, value := resolve(n.Content[0]), resolve(n.Content[1])
	member := ""
	switch {
	case kind.Value == "files" && value.Kind == yaml.ScalarNode && !isNull(value):
		member = "path"
	case kind.Value == "debian" && value.Kind == yaml.SequenceNode:
		member = "packages"
	default:
		return n
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: member, Line: value.Line, Column: value.Column}
	full := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, value}, Line: value.Line, Column: value.Column}
	out := *n
	out.Content = []*yaml.Node{kind, full}
	return &out
}

package pkglib

import (
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/linuxkit/linuxkit/config"
)

// The defaults of [PkglibConfig], which has none of its own.
const (
	DefaultPkgBuildYML = "build.yml"
	DefaultPkgCommit   = "HEAD"
	// DefaultPkgTag is the template of a tag.
	DefaultPkgTag = "{{.Hash}}"
)

// maxBuildYML is the size in bytes above which a build.yml is refused.
const maxBuildYML = 1 << 20

// PkgInfo is the content of a build.yml.
type PkgInfo struct {
	// Image is the name without organisation and tag; mandatory.
	Image string
	// Org is the organisation or registry prefix.
	Org string
	// Tag is a template over Hash.
	Tag string
	// Dockerfile is a path in the package directory; unused with Layers.
	Dockerfile string
	// Arches are the architectures to build for, as Go names them.
	Arches []string
	// ExtraSources are "src:dst" pairs that count for the hash.
	ExtraSources []string
	// GitRepo is the address for the label org.opencontainers.image.source.
	GitRepo string
	// Network allows network access to the steps of a Dockerfile.
	Network bool
	// DisableCache makes BuildKit ignore its cache.
	DisableCache bool
	// BuildArgs are "KEY=VALUE" arguments of a Dockerfile, as written.
	BuildArgs []string
	// Config becomes the label org.mobyproject.config; nil means no label.
	Config *config.ImageConfig
	// Depends are images that the context of a Dockerfile needs.
	Depends Depends

	// Entrypoint, Cmd, Env, WorkingDir, User and Labels go into the image of
	// a package made of layers.
	Entrypoint, Cmd, Env []string
	WorkingDir, User     string
	Labels               map[string]string

	layers layerList
}

// NewPkgInfo returns the defaults of a build.yml.
func NewPkgInfo() PkgInfo {
	return PkgInfo{
		Org:        "linuxkit",
		Arches:     []string{"amd64", "arm64", "riscv64"},
		Tag:        DefaultPkgTag,
		GitRepo:    "https://github.com/linuxkit/linuxkit",
		Dockerfile: "Dockerfile",
	}
}

// readInfo reads the build.yml at path. Errors name file, line and column.
func readInfo(path string) (PkgInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return PkgInfo{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBuildYML+1))
	if err != nil {
		return PkgInfo{}, err
	}
	if len(data) > maxBuildYML {
		return PkgInfo{}, fmt.Errorf("%s: larger than %d bytes", path, maxBuildYML)
	}
	return parseInfo(path, data)
}

// parseInfo decodes a build.yml; file is for error messages.
func parseInfo(file string, data []byte) (PkgInfo, error) {
	info, d := NewPkgInfo(), document{file}
	root, err := d.parse(data)
	if err != nil {
		return info, err
	}
	if err := d.mapping(root, info.fields(d)); err != nil {
		return info, err
	}
	if info.Image == "" {
		return info, fmt.Errorf("%s: Image field is required", file)
	}
	if info.Tag == "" {
		info.Tag = DefaultPkgTag
	}
	return info, info.checkKind(d, root)
}

func (i *PkgInfo) fields(d document) fields {
	return fields{
		"image":         d.text(&i.Image),
		"org":           d.text(&i.Org),
		"tag":           d.text(&i.Tag),
		"dockerfile":    d.text(&i.Dockerfile),
		"arches":        d.list(&i.Arches),
		"extra-sources": d.list(&i.ExtraSources),
		"gitrepo":       d.text(&i.GitRepo),
		"network":       d.truth(&i.Network),
		"disable-cache": d.truth(&i.DisableCache),
		"buildArgs":     d.list(&i.BuildArgs),
		"config":        func(n *yaml.Node) (err error) { i.Config, err = decodeConfig(d, n); return err },
		"depends":       i.Depends.decode(d),
		"layers":        func(n *yaml.Node) (err error) { i.layers, err = decodeLayers(d, n); return err },
		"entrypoint":    d.list(&i.Entrypoint),
		"cmd":           d.list(&i.Cmd),
		"env":           i.decodeEnv(d),
		"workdir":       i.decodeWorkingDir(d),
		"user":          d.text(&i.User),
		"labels":        d.table(&i.Labels),
	}
}

func (i *PkgInfo) decodeEnv(d document) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		err := d.list(&i.Env)(n)
		for _, e := range i.Env {
			if name, _, found := strings.Cut(e, "="); !found || name == "" {
				return d.errorf(n, "env %q is not of the form NAME=value", e)
			}
		}
		return err
	}
}

func (i *PkgInfo) decodeWorkingDir(d document) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		err := d.text(&i.WorkingDir)(n)
		if i.WorkingDir != "" && !strings.HasPrefix(i.WorkingDir, "/") {
			return d.errorf(n, "workdir %q is not an absolute path", i.WorkingDir)
		}
		return err
	}
}

// The keys that mean something for one kind of package only.
var (
	ofDockerfile = []string{"dockerfile", "buildArgs", "depends"}
	ofLayers     = []string{"entrypoint", "cmd", "env", "workdir", "user", "labels"}
)

// checkKind refuses a mixture of the two kinds of packages.
func (i *PkgInfo) checkKind(d document, root *yaml.Node) error {
	if root = resolve(root); root.Kind != yaml.MappingNode {
		return nil
	}
	keys := map[string]*yaml.Node{}
	for k := 0; k+1 < len(root.Content); k += 2 {
		keys[resolve(root.Content[k]).Value] = root.Content[k]
	}
	layers, made := keys["layers"]
	if made && len(i.layers) == 0 {
		return d.errorf(layers, "layers is empty; list what the image is made of")
	}
	excluded, why := ofDockerfile, "cannot be combined with layers"
	if !made {
		excluded, why = ofLayers, "needs layers; an image built from a Dockerfile has it there"
	}
	for _, name := range excluded {
		if n := keys[name]; n != nil {
			return d.errorf(n, "%s %s", name, why)
		}
	}
	return nil
}

package builder

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of this package.
var (
	// ErrRecipe means that a recipe is contradictory or incomplete.
	ErrRecipe = errors.New("invalid package layers")
	// ErrLock means that debian.lock is missing, damaged, or does not fit the
	// recipe; "linuxkit pkg lock" makes it anew.
	ErrLock = errors.New("debian.lock does not fit")
	// ErrNoMirror means that no Debian mirror is configured.
	ErrNoMirror = errors.New("no Debian mirror is known")
	// ErrGone means that the mirror lacks a locked version.
	ErrGone = errors.New("the Debian mirror does not have the locked version")
)

// Recipe is what the image of a package is made of.
type Recipe struct {
	// Dir is the directory of the package. All paths are relative to it.
	Dir string
	// Name is that of the image, for the attestations; it may be empty.
	Name string
	// Layers become one layer of the image each, lowest first.
	Layers []Layer

	// Entrypoint and the following fields are those of the OCI image
	// configuration.
	Entrypoint []string
	Cmd        []string
	Env        []string
	WorkingDir string
	User       string
	Labels     map[string]string
}

// Layer is one entry of `layers:`; exactly one field is set.
type Layer struct {
	Go     *Go     `yaml:"go,omitempty" json:"go,omitempty"`
	Debian *Debian `yaml:"debian,omitempty" json:"debian,omitempty"`
	Files  *Files  `yaml:"files,omitempty" json:"files,omitempty"`
	Kernel *Kernel `yaml:"kernel,omitempty" json:"kernel,omitempty"`
}

// Go is a program compiled with the go command of the PATH.
type Go struct {
	// Package is relative to the directory ("./cmd/x", ".") or an import path
	// of a module in the go.mod there. Empty means ".".
	Package string `yaml:"package" json:"package"`
	// Path is where the binary goes in the image.
	Path string `yaml:"path" json:"path"`
	// Links are further names of the binary, made as symbolic links.
	Links []string `yaml:"links,omitempty" json:"links,omitempty"`
	// Tags are build tags.
	Tags []string `yaml:"tags,omitempty" json:"tags,omitempty"`
	// Ldflags are added to the flags that strip the binary.
	Ldflags string `yaml:"ldflags,omitempty" json:"ldflags,omitempty"`
	// Cgo allows C code, which is linked statically.
	Cgo bool `yaml:"cgo,omitempty" json:"cgo,omitempty"`
}

// Debian is a set of Debian binary packages, unpacked. Maintainer scripts,
// triggers and alternatives are not run.
type Debian struct {
	// Packages are their names, for every architecture.
	Packages []string `yaml:"packages" json:"packages"`
	// Dependencies tells whether what they depend on is unpacked as well.
	// Nil means true.
	Dependencies *bool `yaml:"dependencies,omitempty" json:"dependencies,omitempty"`
	// Exclude are patterns as of path.Match, compared with a path and each of
	// its parents: a match leaves out all below.
	Exclude []string `yaml:"exclude,omitempty" json:"exclude,omitempty"`
	// Arches are the architectures whose images have the layer; none means all.
	Arches []string `yaml:"arches,omitempty" json:"arches,omitempty"`
	// Components are those of the archive besides main that the packages may
	// come from, such as non-free-firmware.
	Components []string `yaml:"components,omitempty" json:"components,omitempty"`
}

// isFor tells whether images for arch have the layer.
func (l *Layer) isFor(arch string) bool {
	return l.Debian == nil || len(l.Debian.Arches) == 0 || slices.Contains(l.Debian.Arches, arch)
}

// WithDependencies tells the effective value of Dependencies.
func (d *Debian) WithDependencies() bool { return d.Dependencies == nil || *d.Dependencies }

// Files is a tree of the package directory, copied as it is: regular files get
// mode 0644, or 0755 when executable by the owner, as git keeps no more.
type Files struct {
	// Path is the directory whose content becomes the root.
	Path string `yaml:"path" json:"path"`
}

// Kernel is Debian's prebuilt kernel as the files of a kernel image: kernel,
// config, kernel.tar with all modules, and further tars with some of them.
type Kernel struct {
	// Packages are the names of kernel image packages by architecture. A
	// metapackage stands for the newest version it depends on.
	Packages map[string]string `yaml:"packages" json:"packages"`
	// Tars are names of further tars, each with the modules it holds besides
	// those they need. A module is a name or a pattern as of path.Match;
	// built-in ones take no space; a final question mark allows that an
	// architecture has none of that name. The name of another tar stands for
	// its modules. The modules are stored decompressed. A pattern that ends in
	// .dtb stands for device trees, below boot/dtb.
	Tars map[string][]string `yaml:"tars,omitempty" json:"tars,omitempty"`
}

// validate checks what can be told without looking at files.
func (r *Recipe) validate() error {
	if len(r.Layers) == 0 {
		return fmt.Errorf("%w: there is no layer", ErrRecipe)
	}
	for i, l := range r.Layers {
		if err := l.validate(); err != nil {
			return fmt.Errorf("%w: layer %d: %w", ErrRecipe, i+1, err)
		}
	}
	return nil
}

func (l *Layer) validate() error {
	set := 0
	for _, is := range []bool{l.Go != nil, l.Debian != nil, l.Files != nil, l.Kernel != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("must be one of go, debian, files, kernel")
	case l.Go != nil:
		return l.Go.validate()
	case l.Debian != nil:
		return l.Debian.validate()
	case l.Files != nil && l.Files.Path == "":
		return errors.New("files needs the name of a directory")
	case l.Kernel != nil:
		return l.Kernel.validate()
	}
	return nil
}

// describe names the layer in the history of the image and in errors.
func (l *Layer) describe() string {
	switch {
	case l.Go != nil:
		return "go " + l.Go.importPath()
	case l.Debian != nil:
		return "debian " + strings.Join(l.Debian.Packages, " ")
	case l.Kernel != nil:
		return "kernel"
	default:
		return "files " + l.Files.Path
	}
}

package pkglib

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// ErrDirty says that something may not happen with a package whose directory
// differs from its commit.
var ErrDirty = errors.New("dirty package")

// PkglibConfig says how packages are loaded. The zero value is not usable:
// BuildYML and HashCommit have no default here.
type PkglibConfig struct {
	// DisableCache, Network and Org override the build.yml; nil keeps it.
	DisableCache, Network *bool
	Org                   *string
	// BuildYML is the path of the metadata in a package's directory.
	BuildYML string
	// Hash replaces the hash, without any suffix.
	Hash string
	// HashCommit is the commit to take the hash from. Edits in the work tree
	// count for "HEAD" only.
	HashCommit string
	// HashPath is the directory to hash; empty means the package's own.
	HashPath string
	// Dirty treats every package in git as edited.
	Dirty bool
	// Dev takes the organisation from $USER and the hash "dev".
	Dev bool
	// Tag is a template that replaces the tag of the build.yml unless empty.
	Tag string
}

// Pkg is a loaded package.
type Pkg struct {
	info       PkgInfo
	dir        string // absolute
	yml        string // path of the build.yml
	hash, tag  string
	commitHash string
	dirty      bool
	hidden     string // see Hidden
	repos      *git.Cache
	repo       *git.Repository // nil outside git
	sources    []source
	named      []Pkg // by build arguments, see ProcessBuildArgs
}

// NewFromConfig loads the packages in the directories paths, in this order.
// Nothing is returned if one fails.
func NewFromConfig(ctx context.Context, cfg PkglibConfig, paths ...string) ([]Pkg, error) {
	return loadAll(ctx, cfg, &git.Cache{}, paths)
}

func loadAll(ctx context.Context, cfg PkglibConfig, repos *git.Cache, paths []string) ([]Pkg, error) {
	pkgs := make([]Pkg, 0, len(paths))
	for _, path := range paths {
		p, err := load(ctx, cfg, repos, path)
		if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
	return pkgs, nil
}

func load(ctx context.Context, cfg PkglibConfig, repos *git.Cache, path string) (Pkg, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return Pkg{}, err
	}
	yml := filepath.Join(dir, cfg.BuildYML)
	info, err := readInfo(yml)
	if err != nil {
		return Pkg{}, err
	}
	if err := info.override(cfg); err != nil {
		return Pkg{}, fmt.Errorf("package %s: %w", dir, err)
	}
	p := Pkg{info: info, dir: dir, yml: yml, commitHash: cfg.HashCommit, repos: repos}
	if err := p.complete(ctx, cfg, repos); err != nil {
		return Pkg{}, fmt.Errorf("%s: %w", yml, err)
	}
	return p, nil
}

func (i *PkgInfo) override(cfg PkglibConfig) error {
	if cfg.Dev {
		i.Org = os.Getenv("USER")
		if i.Org == "" && cfg.Org == nil {
			return errors.New("no organisation for a development build: set USER or give --org")
		}
	}
	if cfg.Org != nil {
		i.Org = *cfg.Org
	}
	if i.Org == "" {
		return errors.New("the organisation is empty; give one, or leave it out for the default")
	}
	if cfg.DisableCache != nil {
		i.DisableCache = *cfg.DisableCache
	}
	if cfg.Network != nil {
		i.Network = *cfg.Network
	}
	if cfg.Tag != "" {
		i.Tag = cfg.Tag
	}
	return nil
}

// complete finds out what is not in the build.yml.
func (p *Pkg) complete(ctx context.Context, cfg PkglibConfig, repos *git.Cache) (err error) {
	if err := p.info.Depends.complete(p.dir); err != nil {
		return err
	}
	if p.sources, err = findSources(ctx, repos, p.dir, p.info.ExtraSources); err != nil {
		return err
	}
	if err := p.identify(ctx, cfg, repos); err != nil {
		return err
	}
	p.tag, err = executeTag(p.info.Tag, p.hash)
	return err
}

// Dir returns the absolute path of the package.
func (p Pkg) Dir() string { return p.dir }

// Hash returns the hash of the content of the package; empty outside git.
func (p Pkg) Hash() string { return p.hash }

// Dirty reports whether the package differs from its commit.
func (p Pkg) Dirty() bool { return p.dirty }

// Hidden tells edits apart that have the same hash: it is empty without edits
// that the contents of files do not show. An image with the name of such a
// package may be out of date.
func (p Pkg) Hidden() string { return p.hidden }

// Image returns "<org>/<image>".
func (p Pkg) Image() string { return p.info.Org + "/" + p.info.Image }

// Arches returns the architectures that the build.yml names.
func (p Pkg) Arches() []string { return p.info.Arches }

// Tag returns "<org>/<image>:<tag>".
func (p Pkg) Tag() string {
	if p.tag == "" {
		return p.Image() + ":" + reference.DefaultTag
	}
	return p.Image() + ":" + p.tag
}

// FullTag returns the tag with its registry, which is the name of the package
// in the cache.
func (p Pkg) FullTag() string { return reference.Expand(p.Tag()) }

// ReleaseTag returns "<org>/<image>:<release>". The error is [ErrDirty] for a
// package that may not be released.
func (p Pkg) ReleaseTag(release string) (string, error) {
	if release == "" {
		return "", errors.New("a release tag is empty")
	}
	if p.dirty {
		return "", fmt.Errorf("cannot release a %w", ErrDirty)
	}
	return p.releaseTag(release)
}

func (p Pkg) releaseTag(release string) (string, error) {
	tag := p.Image() + ":" + release
	if _, err := reference.Parse(tag); err != nil {
		return "", fmt.Errorf("cannot release %q: %w", release, err)
	}
	return tag, nil
}

// TrustEnabled is always false: signing images with notary is history.
func (p Pkg) TrustEnabled() bool { return false }

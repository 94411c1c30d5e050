package pkglib

import (
	"context"
	"path/filepath"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/singleflight"

	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Local stands for the packages on this machine that a configuration names by
// directory: it says how their images are called, and builds one when asked
// for by that name. Every package is loaded with the defaults, whatever the
// environment says. It is safe for concurrent use.
type Local struct {
	opts []BuildOpt

	repos git.Cache
	group singleflight.Group
	mu    sync.Mutex
	dirs  map[string]string // directory to reference
	pkgs  map[string]Pkg    // by reference
	built map[string]bool   // by reference and platform
}

// NewLocal returns a Local that builds with opts, which must name the cache
// and no platforms.
func NewLocal(opts ...BuildOpt) *Local {
	return &Local{opts: opts, dirs: map[string]string{}, pkgs: map[string]Pkg{}, built: map[string]bool{}}
}

// Package returns the full name of the image of the package in dir, such as
// "docker.io/linuxkit/init:<hash>". The package is loaded once.
func (l *Local) Package(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	ref, err, _ := l.group.Do("dir\x00"+dir, func() (any, error) { return l.load(ctx, dir) })
	if err != nil {
		return "", err
	}
	return ref.(string), nil
}

func (l *Local) load(ctx context.Context, dir string) (string, error) {
	l.mu.Lock()
	ref, known := l.dirs[dir]
	l.mu.Unlock()
	if known {
		return ref, nil
	}
	p, err := load(ctx, PkglibConfig{BuildYML: DefaultPkgBuildYML, HashCommit: DefaultPkgCommit}, &l.repos, dir)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirs[dir], l.pkgs[p.FullTag()] = p.FullTag(), p
	return p.FullTag(), nil
}

// Build builds the package whose image is called ref for one platform, unless
// that was done before. It returns false if ref is the name of none.
func (l *Local) Build(ctx context.Context, ref string, platform ocispec.Platform) (bool, error) {
	ref = reference.Expand(ref)
	l.mu.Lock()
	p, known := l.pkgs[ref]
	l.mu.Unlock()
	if !known {
		return false, nil
	}
	key := ref + "\x00" + platform.OS + "/" + archOf(platform)
	_, err, _ := l.group.Do("build\x00"+key, func() (any, error) { return nil, l.build(ctx, p, key, platform) })
	return true, err
}

func (l *Local) build(ctx context.Context, p Pkg, key string, platform ocispec.Platform) error {
	l.mu.Lock()
	done := l.built[key]
	l.mu.Unlock()
	if done {
		return nil
	}
	progress.Infof(ctx, "Building package %s", p.Tag())
	if err := p.ProcessBuildArgs(ctx); err != nil {
		return err
	}
	opts := append([]BuildOpt{}, l.opts...)
	if err := p.Build(ctx, append(opts, WithBuildPlatforms(platform.OS+"/"+archOf(platform)))...); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.built[key] = true
	return nil
}

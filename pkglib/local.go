package pkglib

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/singleflight"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/image"
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

var _ image.Place = (*Local)(nil)

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
	if err := l.buildAll(ctx, p, platform, nil); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.built[key] = true
	return nil
}

// buildAll builds a package after those that its build arguments name; path are
// the packages that need it.
func (l *Local) buildAll(ctx context.Context, p Pkg, platform ocispec.Platform, path []string) error {
	if slices.Contains(path, p.FullTag()) {
		return fmt.Errorf("packages need each other: %s", strings.Join(append(path, p.FullTag()), " needs "))
	}
	if err := p.ProcessBuildArgs(ctx); err != nil {
		return err
	}
	opts := append(slices.Clone(l.opts), WithBuildPlatforms(formatPlatform(platform)))
	for _, n := range p.named {
		for _, at := range p.platformsOf(ctx, n, platform) {
			if err := l.buildAll(ctx, n, at, append(slices.Clone(path), p.FullTag())); err != nil {
				return err
			}
		}
	}
	progress.Infof(ctx, "Building package %s", p.Tag())
	return p.Build(ctx, opts...)
}

// Find implements [image.Place] for packages with edits that their names do not
// tell apart: what another place has under such a name may be out of date, so
// that the package is built.
func (l *Local) Find(ctx context.Context, ref string, platform ocispec.Platform) (ocispec.Descriptor, error) {
	l.mu.Lock()
	p := l.pkgs[reference.Expand(ref)]
	l.mu.Unlock()
	if p.hidden == "" {
		return ocispec.Descriptor{}, content.ErrNotFound
	}
	if _, err := l.Build(ctx, ref, platform); err != nil {
		return ocispec.Descriptor{}, err
	}
	o, err := newBuildOpts(l.opts)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return o.store.Resolve(ctx, p.FullTag())
}

// platformsOf returns the platforms for which the Dockerfile needs the image of
// another package.
func (p Pkg) platformsOf(ctx context.Context, other Pkg, target ocispec.Platform) []ocispec.Platform {
	o := &buildOpts{}
	args, err := p.args(ctx, o)
	if err != nil {
		return nil // which the build of p tells
	}
	list, err := p.bases(o, args, target, hostPlatform)
	if err != nil {
		return nil
	}
	var platforms []ocispec.Platform
	for _, b := range list {
		if reference.ExpandTagged(b.Name) == other.FullTag() {
			platforms = append(platforms, b.Platform)
		}
	}
	return platforms
}

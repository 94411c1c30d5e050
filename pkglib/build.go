package pkglib

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// ErrNeedsBuildKit says that a package cannot be built without BuildKit.
var ErrNeedsBuildKit = errors.New("builds from a Dockerfile, which needs BuildKit; this version builds packages made of layers")

// Build makes the image of the package for each platform that the cache lacks
// and records it in the cache: an index "<tag>-<arch>" for each platform built,
// and the index "<tag>", in which other platforms are kept. Nothing is recorded
// if a platform fails.
func (p Pkg) Build(ctx context.Context, opts ...BuildOpt) error {
	o, err := newBuildOpts(opts)
	if err != nil {
		return err
	}
	if err := p.checkBuild(); err != nil {
		return err
	}
	missing, err := p.missing(ctx, o)
	if err != nil {
		return err
	}
	if len(missing) > 0 && !o.skip {
		if err := p.buildPlatforms(ctx, o, missing); err != nil {
			return err
		}
	}
	fmt.Fprintln(o.out, "Build complete, not pushing, all done.")
	return nil
}

// checkBuild finds out before any work what makes a build impossible.
func (p Pkg) checkBuild() error {
	if _, err := reference.Parse(p.FullTag()); err != nil {
		return fmt.Errorf("could not resolve references for image %s: %w", p.Tag(), err)
	}
	if p.commitHash != git.Head {
		return errors.New("cannot build from commit hash != HEAD")
	}
	if len(p.info.layers) > 0 {
		return nil
	}
	name := p.info.Dockerfile
	if strings.Contains(name, "..") {
		return fmt.Errorf("cannot expand beyond root of context for dockerfile %s", name)
	}
	if info, err := os.Stat(filepath.Join(p.dir, name)); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("dockerfile %s does not exist or cannot be read in context %s, and build.yml has no layers", name, p.dir)
	}
	return nil
}

// platforms returns what to build for.
func (p Pkg) platforms(o *buildOpts) ([]ocispec.Platform, error) {
	if o.platforms != nil {
		return o.platforms, nil
	}
	var list []ocispec.Platform
	for _, arch := range p.info.Arches {
		platform, err := ParsePlatform("linux/" + arch)
		if err != nil {
			return nil, fmt.Errorf("arches of %s: %w", p.Tag(), err)
		}
		list = append(list, platform)
	}
	return list, nil
}

// missing returns the platforms that have to be built.
func (p Pkg) missing(ctx context.Context, o *buildOpts) ([]ocispec.Platform, error) {
	all, err := p.platforms(o)
	if err != nil || o.force {
		return all, err
	}
	ref := p.FullTag()
	fmt.Fprintf(o.out, "checking for %s in local cache...\n", ref)
	present, err := children(ctx, o.store, ref)
	if err != nil {
		return nil, err
	}
	var missing []ocispec.Platform
	for _, platform := range all {
		if complete(ctx, o.store, present, platform) {
			fmt.Fprintf(o.out, "found %s in local cache, skipping build\n", ref)
			continue
		}
		fmt.Fprintf(o.out, "%s %s not found in local cache, will build\n", ref, archOf(platform))
		missing = append(missing, platform)
	}
	return missing, nil
}

func (p Pkg) buildPlatforms(ctx context.Context, o *buildOpts, platforms []ocispec.Platform) error {
	if len(p.info.layers) == 0 {
		return fmt.Errorf("package %s (%s) %w", p.Tag(), p.dir, ErrNeedsBuildKit)
	}
	start := time.Now()
	arches := make([]string, len(platforms))
	for i, platform := range platforms {
		arches[i] = archOf(platform)
	}
	fmt.Fprintf(o.out, "building %s for arches: %s\n", p.FullTag(), strings.Join(arches, ","))
	made := make([]ocispec.Descriptor, len(platforms))
	for i, platform := range platforms {
		desc, err := p.buildPlatform(ctx, o, platform)
		if err != nil {
			return fmt.Errorf("error building for arch %s: %w", archOf(platform), err)
		}
		made[i] = desc
	}
	if err := p.record(ctx, o, made); err != nil {
		return err
	}
	progress.Infof(ctx, "built %s for %s in %s", p.Tag(), strings.Join(arches, ","), time.Since(start).Round(time.Millisecond))
	return nil
}

func (p Pkg) buildPlatform(ctx context.Context, o *buildOpts, platform ocispec.Platform) (ocispec.Descriptor, error) {
	fmt.Fprintf(o.out, "Building for arch %s as %s\n", archOf(platform), p.archTag(platform))
	labels, err := p.labels(ctx, o)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := o.make(ctx, o.store, p, labels, platform)
	desc.Platform = &platform
	return desc, err
}

// record names what was made.
func (p Pkg) record(ctx context.Context, o *buildOpts, made []ocispec.Descriptor) error {
	for _, desc := range made {
		if err := replaceIndex(ctx, o.store, p.archTag(*desc.Platform), desc); err != nil {
			return err
		}
	}
	return extendIndex(ctx, o.store, p.FullTag(), made)
}

// archTag is the name of the image for one platform.
func (p Pkg) archTag(platform ocispec.Platform) string {
	return p.FullTag() + "-" + strings.ReplaceAll(archOf(platform), "/", "-")
}

// archOf returns the architecture with its variant, such as "arm/v7".
func archOf(p ocispec.Platform) string {
	if p.Variant == "" {
		return p.Architecture
	}
	return p.Architecture + "/" + p.Variant
}

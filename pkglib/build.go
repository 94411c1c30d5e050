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
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Build makes the image of the package for each platform that neither the cache
// nor the registry has and records it in the cache: an index "<tag>-<arch>" for
// each platform built, and the index "<tag>", in which other platforms are
// kept. Nothing is recorded if a platform fails. Then it is pushed, released and
// loaded into docker, as far as the options say so.
func (p Pkg) Build(ctx context.Context, opts ...BuildOpt) (err error) {
	o, err := newBuildOpts(opts)
	if err != nil {
		return err
	}
	if err := p.checkBuild(o); err != nil {
		return err
	}
	done := p.prepare(o)
	defer func() { err = errors.Join(err, done(ctx)) }()
	// What the cache has must stay until it is recorded or pushed.
	release, err := o.pin(ctx)
	if err != nil {
		return err
	}
	defer release()
	f, err := p.look(ctx, o)
	if err != nil {
		return err
	}
	built := len(f.missing) > 0 && !o.skip
	if built {
		if err := p.buildPlatforms(ctx, o, f.missing); err != nil {
			return err
		}
	}
	return p.finish(ctx, o, built, f)
}

// pin keeps the blobs of the cache. A dry run writes nothing that could need
// it.
func (o *buildOpts) pin(ctx context.Context) (func(), error) {
	if o.dryRun {
		return func() {}, nil
	}
	return o.store.Pin(ctx)
}

// finish does what follows a build.
func (p Pkg) finish(ctx context.Context, o *buildOpts, built bool, f found) error {
	if o.dryRun {
		progress.Infof(ctx, "dry run complete, nothing was written")
		return nil
	}
	if o.docker {
		if err := p.load(ctx, o); err != nil {
			return err
		}
	}
	if !o.push {
		fmt.Fprintln(o.out, "Build complete, not pushing, all done.")
		return nil
	}
	return p.publish(ctx, o, built, f)
}

// prepare chooses who makes the image. What it returns must be called at the
// end.
func (p Pkg) prepare(o *buildOpts) (done func(context.Context) error) {
	switch {
	case o.make != nil:
	case len(p.info.layers) == 0:
		o.make = makeDockerfile
	case o.dryRun:
		o.make = tellLayers
	default:
		o.make = makeLayers
	}
	if o.runner != nil {
		return func(context.Context) error { return nil }
	}
	if o.dryRun {
		o.runner = NewDockerDryRunner(o.out)
		return func(context.Context) error { return nil }
	}
	r := NewDockerRunner(true, o.builder)
	o.runner = r
	return r.Close
}

// checkBuild finds out before any work what makes a build impossible.
func (p Pkg) checkBuild(o *buildOpts) error {
	if _, err := reference.Parse(p.FullTag()); err != nil {
		return fmt.Errorf("could not resolve references for image %s: %w", p.Tag(), err)
	}
	if o.release != "" {
		if _, err := p.releaseTag(o.release); err != nil {
			return err
		}
	}
	if p.commitHash != git.Head {
		return errors.New("cannot build from commit hash != HEAD")
	}
	if len(p.info.layers) > 0 {
		return nil
	}
	name := p.dockerfile(o)
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

func (p Pkg) buildPlatforms(ctx context.Context, o *buildOpts, platforms []ocispec.Platform) error {
	start := time.Now()
	// What cannot be recorded need not be built.
	if _, err := children(ctx, o.store, p.FullTag()); err != nil {
		return err
	}
	arches := make([]string, len(platforms))
	for i, platform := range platforms {
		arches[i] = archOf(platform)
	}
	fmt.Fprintf(o.out, "building %s for arches: %s\n", p.FullTag(), strings.Join(arches, ","))
	done, err := p.makeAll(ctx, o, platforms)
	if err != nil || o.dryRun {
		return err
	}
	if err := p.record(ctx, o, done); err != nil {
		return err
	}
	progress.Infof(ctx, "built %s for %s in %s", p.Tag(), strings.Join(arches, ","), time.Since(start).Round(time.Millisecond))
	return nil
}

// made is what was made for a platform: an image, and attestations about it.
type made struct {
	platform ocispec.Platform
	list     []ocispec.Descriptor
}

// makeAll makes the images of all platforms: at the same time if BuildKit makes
// them, which shares the work out by itself.
func (p Pkg) makeAll(ctx context.Context, o *buildOpts, platforms []ocispec.Platform) ([]made, error) {
	labels, err := p.labels(ctx, o)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	inTurn := len(p.info.layers) > 0 || o.dryRun || len(p.info.Depends.Images) > 0
	o.progressShared = o.progressShared || len(platforms) > 1
	done := make([]made, len(platforms))
	for i, platform := range platforms {
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(o.out, "Building for arch %s as %s\n", archOf(platform), p.archTag(platform))
		ended := make(chan struct{})
		g.Go(func() error {
			defer close(ended)
			list, err := o.make(ctx, o, p, labels, platform)
			if err != nil {
				return fmt.Errorf("error building for arch %s: %w", archOf(platform), err)
			}
			done[i] = made{platform, list}
			return nil
		})
		if inTurn {
			<-ended
		}
	}
	return done, g.Wait()
}

// record names what was made.
func (p Pkg) record(ctx context.Context, o *buildOpts, all []made) error {
	var list []ocispec.Descriptor
	for _, m := range all {
		if err := replaceIndex(ctx, o.store, p.archTag(m.platform), m.list); err != nil {
			return err
		}
		list = append(list, m.list...)
	}
	return extendIndex(ctx, o.store, p.FullTag(), list)
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

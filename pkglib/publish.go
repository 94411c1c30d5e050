package pkglib

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/git"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// releaseTag is the form of the git tags that release packages.
var releaseTag = regexp.MustCompile(`^pkg-(v[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z.+-]+)?)$`)

// releases returns the names to publish the package under besides: the given
// one, else those that git tags of HEAD say.
func (p Pkg) releases(ctx context.Context, o *buildOpts) ([]string, error) {
	if o.release != "" {
		return []string{o.release}, nil
	}
	if !o.push || p.repo == nil || p.dirty {
		return nil, nil
	}
	tags, err := p.repo.TagsAt(ctx, git.Head)
	if err != nil {
		return nil, fmt.Errorf("find the git tags of %s: %w", p.Tag(), err)
	}
	var names []string
	for _, t := range tags {
		if m := releaseTag.FindStringSubmatch(t); m != nil {
			names = append(names, m[1])
		}
	}
	return names, nil
}

// publish pushes the package, and releases it.
func (p Pkg) publish(ctx context.Context, o *buildOpts, built bool, f found) error {
	releases, err := p.releases(ctx, o)
	if err != nil {
		return err
	}
	nothing := !built && f.cached == 0
	if nothing && len(releases) == 0 {
		fmt.Fprintln(o.out, "No new platforms to push, skipping.")
		return nil
	}
	if p.dirty {
		return fmt.Errorf("build complete, refusing to push %w", ErrDirty)
	}
	if o.remote == nil {
		return errors.New("there is no registry to push to")
	}
	full := p.FullTag()
	if nothing {
		fmt.Fprintf(o.out, "Skipping push of default tag %q\n", full)
	} else if err := o.remote.Push(ctx, full, full, o.pushOptions(true)); err != nil {
		return err
	}
	if len(releases) == 0 {
		fmt.Fprintln(o.out, "Build and push complete, not releasing, all done.")
		return nil
	}
	for _, r := range releases {
		if err := p.publishRelease(ctx, o, r); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Build, push and release of %q complete, all done.\n", r)
	}
	return nil
}

func (o *buildOpts) pushOptions(override bool) PushOptions {
	return PushOptions{ArchTags: o.manifest, Override: override, Say: func(line string) { fmt.Fprintln(o.out, line) }}
}

// publishRelease names the image after a release, in the cache and in the
// registry. A release that the registry has stays as it is.
func (p Pkg) publishRelease(ctx context.Context, o *buildOpts, release string) error {
	tag, err := p.ReleaseTag(release)
	if err != nil {
		return err
	}
	name, full := reference.Expand(tag), p.FullTag()
	desc, err := o.store.Resolve(ctx, full)
	if errors.Is(err, content.ErrNotFound) {
		fmt.Fprintf(o.out, "Pulling %s into local cache for release...\n", full)
		desc, err = o.remote.Pull(ctx, full, nil, 0)
		if err != nil {
			return fmt.Errorf("unable to pull image for release: %w", err)
		}
	}
	if err != nil {
		return err
	}
	if err := o.store.Tag(ctx, name, desc); err != nil {
		return err
	}
	if err := o.remote.Push(ctx, name, name, o.pushOptions(false)); err != nil {
		return err
	}
	if !o.docker {
		return nil
	}
	platforms, err := p.platforms(o)
	if err != nil {
		return err
	}
	for _, platform := range platforms {
		if err := p.tagInDocker(ctx, o, platform, name); err != nil {
			return err
		}
	}
	return nil
}

// load puts the images into docker.
func (p Pkg) load(ctx context.Context, o *buildOpts) error {
	platforms, err := p.platforms(o)
	if err != nil {
		return err
	}
	for _, platform := range platforms {
		img, err := cached(ctx, o.store, p.FullTag(), platform)
		if err != nil {
			return fmt.Errorf("load into docker: %w", err)
		}
		r, w := io.Pipe()
		go func() { w.CloseWithError(img.ExportDocker(ctx, w, p.archTag(platform))) }()
		err = o.runner.Load(ctx, r)
		r.CloseWithError(errors.New("docker has stopped reading"))
		if err != nil {
			return fmt.Errorf("load %s into docker: %w", p.archTag(platform), err)
		}
		if platform.Architecture == hostPlatform.Architecture && platform.Variant == "" {
			fmt.Fprintf(o.out, "Tagging %s as %s\n", p.archTag(platform), p.FullTag())
			if err := o.runner.Tag(ctx, p.archTag(platform), p.FullTag()); err != nil {
				return err
			}
		}
	}
	return nil
}

// tagInDocker names what docker has of a platform after a release.
func (p Pkg) tagInDocker(ctx context.Context, o *buildOpts, platform ocispec.Platform, release string) error {
	from := p.archTag(platform)
	if err := o.runner.Tag(ctx, from, release+from[len(p.FullTag()):]); err != nil {
		return err
	}
	if platform.Architecture != hostPlatform.Architecture || platform.Variant != "" {
		return nil
	}
	return o.runner.Tag(ctx, from, release)
}

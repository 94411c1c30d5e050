package pkglib

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	imagepkg "github.com/linuxkit/linuxkit/internal/image"
)

// Remote are the registries that a build asks, pulls from and pushes to.
type Remote interface {
	// Platforms tells what platforms ref is there for; the empty one stands
	// for any. The answer is waited for no longer than patience.
	Platforms(ctx context.Context, ref string, patience time.Duration) ([]ocispec.Platform, error)
	// Pull stores ref for the platforms in the cache.
	Pull(ctx context.Context, ref string, platforms []ocispec.Platform, patience time.Duration) (ocispec.Descriptor, error)
	// Push sends the image that the cache has under the name local.
	Push(ctx context.Context, local, remote string, opts PushOptions) error
	// Assemble makes the index ref out of the images that the registry has
	// under that name with an architecture behind it.
	Assemble(ctx context.Context, ref string, arches []string) error
}

// PushOptions say how an image is pushed.
type PushOptions struct {
	// ArchTags names the image of each platform besides.
	ArchTags bool
	// Override pushes even if the name exists in the registry.
	Override bool
	// Say receives the lines that tell what happens.
	Say func(line string)
}

// patience is how long a registry is waited for that need not have an image.
const patience = 5 * time.Second

// found is where the platforms of a package are.
type found struct {
	// cached and elsewhere count the platforms in the cache and in the
	// registry only.
	cached, elsewhere int
	missing           []ocispec.Platform
}

// look finds out which platforms have to be built: all of them if an image of
// this name may be one of other edits.
func (p Pkg) look(ctx context.Context, o *buildOpts) (found, error) {
	all, err := p.platforms(o)
	if err != nil || o.force || p.hidden != "" && !o.skip {
		return found{missing: all}, err
	}
	ref, out := p.FullTag(), o.out
	if o.skip {
		out = io.Discard
	}
	fmt.Fprintf(out, "checking for %s in local cache...\n", ref)
	var f found
	var absent []ocispec.Platform
	for _, platform := range all {
		if _, err := cached(ctx, o.store, ref, platform); err == nil {
			fmt.Fprintf(out, "found %s in local cache, skipping build\n", ref)
			f.cached++
		} else {
			absent = append(absent, platform)
		}
	}
	if o.skip {
		f.missing = absent
		return f, nil
	}
	return f, p.lookRemote(ctx, o, absent, &f)
}

// lookRemote asks the registry about what the cache lacks, or pulls it. One that
// cannot be reached has nothing. A dry run only asks.
func (p Pkg) lookRemote(ctx context.Context, o *buildOpts, absent []ocispec.Platform, f *found) error {
	ref, there := p.FullTag(), []ocispec.Platform(nil)
	pull := o.pull && !o.dryRun
	if o.remote != nil && !pull && len(absent) > 0 {
		there, _ = o.remote.Platforms(ctx, ref, patience)
	}
	for _, platform := range absent {
		arch := archOf(platform)
		switch {
		case o.remote == nil:
			fmt.Fprintf(o.out, "%s %s not found in local cache, will build\n", ref, arch)
		case pull:
			fmt.Fprintf(o.out, "%s %s not found in local cache, trying to pull\n", ref, arch)
			_, err := o.remote.Pull(ctx, ref, []ocispec.Platform{platform}, patience)
			if err == nil {
				fmt.Fprintf(o.out, "%s pulled\n", ref)
				f.cached++
				continue
			}
			fmt.Fprintf(o.out, "%s not found, will build: %v\n", ref, err)
		default:
			fmt.Fprintf(o.out, "%s %s not found in local cache, checking registry\n", ref, arch)
			if slices.ContainsFunc(there, func(have ocispec.Platform) bool { return serves(have, platform) }) {
				fmt.Fprintf(o.out, "%s %s found on registry\n", ref, arch)
				f.elsewhere++
				continue
			}
			fmt.Fprintf(o.out, "%s %s not found, will build\n", ref, arch)
		}
		f.missing = append(f.missing, platform)
	}
	return ctx.Err()
}

// serves tells whether an image for have is one for want.
func serves(have, want ocispec.Platform) bool {
	return have.Architecture == "" || have.Architecture == want.Architecture && (want.Variant == "" || imagepkg.NormalVariant(have) == imagepkg.NormalVariant(want))
}

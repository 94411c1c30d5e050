package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/pkglib"
)

type pkgBuildFlags struct {
	pkgFlags
	force           bool
	platforms, skip []string
}

func newPkgBuildCmd(a *app) *cobra.Command {
	f := &pkgBuildFlags{}
	cmd := &cobra.Command{
		Use:   "build <dir>...",
		Short: "Build packages into images in the cache",
		Long: `Build packages into images in the cache, for all architectures that their
build.yml names. What the cache has already is not built again.`,
		Example: `  linuxkit pkg build pkg/init pkg/runc
  linuxkit pkg build --platforms linux/arm64 --force pkg/*`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			pkgs, err := f.load(cmd.Context(), cmd.Flags(), dirs)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), a, pkgs)
		},
	}
	flags := cmd.Flags()
	f.add(flags)
	flags.BoolVar(&f.force, "force", false, "build even what the cache has")
	flags.StringSliceVar(&f.platforms, "platforms", nil, "platforms to build for, such as linux/arm64 (default all arches of build.yml)")
	flags.StringSliceVar(&f.skip, "skip-platforms", nil, "platforms of build.yml not to build for")
	flags.Bool("ignore-cached", false, "do not offer cached images to a Dockerfile; no effect on packages made of layers")
	flags.String("progress", "auto", "how BuildKit shows progress; no effect on packages made of layers")
	return cmd
}

func (f *pkgBuildFlags) run(ctx context.Context, a *app, pkgs []pkglib.Pkg) error {
	skip, err := normalPlatforms(f.skip)
	if err != nil {
		return err
	}
	if len(f.skip) > 0 && len(f.platforms) > 0 {
		return errors.New("--skip-platforms and --platforms may not be used together")
	}
	only, err := normalPlatforms(f.platforms)
	if err != nil {
		return err
	}
	return inOrder(ctx, a.stdout, len(pkgs), func(ctx context.Context, i int, out io.Writer) error {
		return f.build(ctx, a, pkgs[i], only, skip, out)
	})
}

func (f *pkgBuildFlags) build(ctx context.Context, a *app, p pkglib.Pkg, only, skip []string, out io.Writer) error {
	platforms := only
	if len(only) == 0 {
		for _, arch := range p.Arches() {
			if name := "linux/" + arch; !slices.Contains(skip, name) {
				platforms = append(platforms, name)
			}
		}
	}
	if len(platforms) == 0 {
		fmt.Fprintf(out, "Skipping %s with no architectures to build\n", p.Tag())
		return nil
	}
	fmt.Fprintf(out, "Building %q\n", p.Tag())
	opts := []pkglib.BuildOpt{
		pkglib.WithBuildPlatforms(platforms...), pkglib.WithBuildCacheDir(a.cacheDir),
		pkglib.WithBuildOutputWriter(out), pkglib.WithToolVersion(version, commit),
	}
	if f.force {
		opts = append(opts, pkglib.WithBuildForce())
	}
	if err := p.Build(ctx, opts...); err != nil {
		return fmt.Errorf("error building %q: %w", p.Tag(), err)
	}
	return nil
}

// normalPlatforms checks platforms and writes each the same way.
func normalPlatforms(list []string) ([]string, error) {
	var names []string
	for _, text := range list {
		p, err := pkglib.ParsePlatform(text)
		if err != nil {
			return nil, err
		}
		name := p.OS + "/" + p.Architecture
		if p.Variant != "" {
			name += "/" + p.Variant
		}
		names = append(names, name)
	}
	return names, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/pkglib"
)

// pkgBuildFlags are the flags of pkg build and pkg push.
type pkgBuildFlags struct {
	pkgFlags
	builderFlags

	force, pull, push, nobuild, manifest, docker, dryRun bool
	ignoreCached, precache, watch                        bool
	release, scanner, dockerfile, progress               string
	platforms, skip, argFiles, ssh, creds                []string
}

func newPkgBuildCmd(a *app) *cobra.Command {
	f := &pkgBuildFlags{}
	cmd := &cobra.Command{
		Use:   "build <dir>...",
		Short: "Build packages into images in the cache",
		Long: `Build packages into images in the cache, for all architectures that their
build.yml names. What the cache or the registry has already is not built again.
Packages that others of the command line need are built before them; what does
not depend on each other is built at the same time.

A package made of layers is built by this program. One with a Dockerfile is
built by BuildKit: by the one that --builders names for the platform, else the
one at the address in BUILDKIT_HOST, else one in a container that docker runs,
else by the buildkitd on the PATH, which is started for the time of the build.
An address is unix://<path>, tcp://<host>:<port>[?tlsdir=<dir>],
ssh://[<user>@]<host>[:<port>][<path>], docker-container://<name>,
podman-container://<name>, nerdctl-container://<name>, kube-pod://<name>,
npipe:// on Windows, or buildkitd:// for the one on the PATH; anything else is
the name of a docker context.`,
		Example: `  linuxkit pkg build pkg/init pkg/runc
  linuxkit pkg build --platforms linux/arm64 --force pkg/*
  linuxkit pkg build --push --release v1.0.0 pkg/init
  linuxkit pkg build --builders linux/arm64=ssh://arm1,linux/arm64=ssh://arm2 pkg/init
  linuxkit pkg build --watch pkg/init`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if f.watch {
				return f.watchAndBuild(cmd, a, dirs)
			}
			return f.loadAndBuild(cmd, a, dirs)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.push, "push", false, "push the images after they were built")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "build again whenever something changes, until interrupted")
	return cmd
}

func newPkgPushCmd(a *app) *cobra.Command {
	f := &pkgBuildFlags{push: true}
	cmd := &cobra.Command{
		Use:     "push <dir>...",
		Short:   "Build packages and push them",
		Long:    "Build packages and push them. The same as pkg build --push.",
		Example: "  linuxkit pkg push pkg/init",
		Hidden:  true,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			fmt.Fprintln(a.stderr, "Command \"push\" is deprecated, use 'pkg build --push' instead")
			return f.loadAndBuild(cmd, a, dirs)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *pkgBuildFlags) add(flags *pflag.FlagSet) {
	f.pkgFlags.add(flags)
	f.builderFlags.add(flags)
	flags.BoolVar(&f.config.Restart, "builder-restart", false, "make the builder container anew even if it is as it should be")
	flags.BoolVar(&f.force, "force", false, "build even what the cache or the registry has")
	flags.BoolVar(&f.pull, "pull", false, "pull what the registry has instead of only noting it")
	flags.BoolVar(&f.nobuild, "nobuild", false, "with --push, build nothing")
	flags.BoolVar(&f.manifest, "manifest", true, "with --push, name the image of each architecture besides")
	flags.StringVar(&f.release, "release", "", "with --push, publish under this tag too")
	flags.BoolVar(&f.docker, "docker", false, "load the images into docker too")
	flags.StringSliceVar(&f.platforms, "platforms", nil, "platforms to build for, such as linux/arm64 (default all arches of build.yml)")
	flags.StringSliceVar(&f.skip, "skip-platforms", nil, "platforms of build.yml not to build for")
	flags.BoolVar(&f.ignoreCached, "ignore-cached", false, "do not offer images of the cache to a Dockerfile")
	flags.BoolVar(&f.precache, "precache-images", false, "pull the images that a Dockerfile needs into the cache first")
	flags.StringVar(&f.scanner, "sbom-scanner", "", "image that finds out what the image of a Dockerfile is made of, builtin for this program, or false for none (default BuildKit's)")
	flags.StringVar(&f.dockerfile, "dockerfile", "", "Dockerfile instead of that of build.yml, relative to the package")
	flags.StringArrayVar(&f.argFiles, "build-arg-file", nil, "file with build arguments, KEY=VALUE a line; may be repeated")
	flags.StringVar(&f.progress, "progress", "auto", "how to show BuildKit's progress: auto, plain, tty, quiet or rawjson")
	flags.StringArrayVar(&f.ssh, "ssh", nil, "SSH agent for the steps of a Dockerfile: default, <id> or <id>=<path>; may be repeated")
	flags.StringSliceVar(&f.creds, "registry-creds", nil, "credentials for BuildKit's pulls instead of docker's: <registry>=<user>:<password> or <registry>=<token>, where the token may be both in base64")
	flags.BoolVar(&f.dryRun, "dry-run", false, "tell what would be built and write nothing")
}

func (f *pkgBuildFlags) loadAndBuild(cmd *cobra.Command, a *app, dirs []string) error {
	pkgs, err := f.load(cmd.Context(), cmd.Flags(), dirs)
	if err != nil {
		return err
	}
	return f.run(cmd.Context(), a, pkgs)
}

// buildPlan is what the flags mean.
type buildPlan struct {
	only, skip []string
	opts       []pkglib.BuildOpt
	builders   map[string]string
}

func (f *pkgBuildFlags) run(ctx context.Context, a *app, pkgs []pkglib.Pkg) (err error) {
	plan, err := f.plan(ctx, a, pkgs)
	if err != nil {
		return err
	}
	if f.dryRun {
		plan.opts = append(plan.opts, pkglib.WithDryRun())
	} else {
		runner := pkglib.NewDockerRunner(true, f.config)
		defer func() { err = errors.Join(err, runner.Close(ctx)) }()
		plan.opts = append(plan.opts, pkglib.WithBuildDocker(runner))
	}
	needs, err := pkglib.Dependencies(ctx, pkgs, plan.opts...)
	if err != nil {
		return err
	}
	return inOrder(ctx, a.stdout, needs, func(ctx context.Context, i int, out io.Writer) error {
		return f.build(ctx, pkgs[i], plan, out)
	})
}

// plan checks the flags, in this order, and reads what they name.
func (f *pkgBuildFlags) plan(ctx context.Context, a *app, pkgs []pkglib.Pkg) (p buildPlan, err error) {
	switch {
	case f.nobuild && f.force:
		return p, errors.New("flags -force and -nobuild conflict")
	case f.pull && f.force:
		return p, errors.New("flags -force and -pull conflict")
	}
	f.needPush(ctx)
	var args []string
	for _, file := range f.argFiles {
		list, err := pkglib.ReadBuildArgFile(ctx, file)
		if err != nil {
			return p, err
		}
		args = append(args, list...)
	}
	for i := range pkgs {
		if err := pkgs[i].ProcessBuildArgs(ctx); err != nil {
			return p, fmt.Errorf("error processing build args for package %q: %w", pkgs[i].Tag(), err)
		}
	}
	if p.skip, err = normalPlatforms(f.skip); err != nil {
		return p, err
	}
	if len(f.skip) > 0 && len(f.platforms) > 0 {
		return p, errors.New("--skip-platforms and --platforms may not be used together")
	}
	if p.only, err = normalPlatforms(f.platforms); err != nil {
		return p, err
	}
	if p.builders, err = f.locate(); err != nil {
		return p, err
	}
	creds, err := registryCreds(f.creds)
	if err != nil {
		return p, err
	}
	remote, err := a.pkgRemote()
	if err != nil {
		return p, err
	}
	p.opts = append(f.options(), pkglib.WithBuildArgs(args), pkglib.WithRegistryAuth(creds), pkglib.WithBuildBuilders(p.builders),
		pkglib.WithBuildRemote(remote), pkglib.WithBuildCacheDir(a.cacheDir), pkglib.WithToolVersion(version, commit))
	return p, f.showProgress(a, &p, len(pkgs))
}

// needPush drops what means something together with --push only.
func (f *pkgBuildFlags) needPush(ctx context.Context) {
	if f.push {
		return
	}
	if f.nobuild {
		progress.Warnf(ctx, "--nobuild means nothing without --push")
	}
	if f.release != "" {
		progress.Warnf(ctx, "--release means nothing without --push")
	}
	f.nobuild, f.release = false, ""
}

// showProgress chooses how BuildKit's progress appears.
func (f *pkgBuildFlags) showProgress(a *app, p *buildPlan, pkgs int) error {
	if a.quiet {
		return nil
	}
	p.opts = append(p.opts, pkglib.WithProgress(f.progress), pkglib.WithProgressWriter(a.stderr))
	if pkgs > 1 {
		p.opts = append(p.opts, pkglib.WithProgressShared())
	}
	return pkglib.CheckProgress(f.progress)
}

// options are those that the flags say directly.
func (f *pkgBuildFlags) options() []pkglib.BuildOpt {
	opts := []pkglib.BuildOpt{
		pkglib.WithDockerfile(f.dockerfile), pkglib.WithBuildSbomScanner(f.scanner), pkglib.WithSSH(f.ssh), pkglib.WithRelease(f.release),
	}
	for _, o := range []struct {
		set bool
		opt func() pkglib.BuildOpt
	}{
		{f.force, pkglib.WithBuildForce}, {f.nobuild, pkglib.WithBuildSkip}, {f.pull, pkglib.WithBuildPull},
		{f.push, pkglib.WithBuildPush}, {f.manifest, pkglib.WithBuildManifest}, {f.docker, pkglib.WithBuildTargetDockerCache},
		{f.ignoreCached, pkglib.WithBuildIgnoreCache}, {f.precache, pkglib.WithPreCacheImages},
	} {
		if o.set {
			opts = append(opts, o.opt())
		}
	}
	return opts
}

func (f *pkgBuildFlags) build(ctx context.Context, p pkglib.Pkg, plan buildPlan, out io.Writer) error {
	platforms := plan.only
	if len(plan.only) == 0 {
		for _, arch := range p.Arches() {
			if name := "linux/" + arch; !slices.Contains(plan.skip, name) {
				platforms = append(platforms, name)
			}
		}
	}
	if len(platforms) == 0 {
		fmt.Fprintf(out, "Skipping %s with no architectures to build\n", p.Tag())
		return nil
	}
	fmt.Fprintf(out, f.announcement(), p.Tag())
	what := "building"
	if f.push {
		what = "building and pushing"
	}
	if err := p.Build(ctx, slices.Concat(plan.opts, []pkglib.BuildOpt{pkglib.WithBuildPlatforms(platforms...), pkglib.WithBuildOutputWriter(out)})...); err != nil {
		return fmt.Errorf("error %s %q: %w", what, p.Tag(), err)
	}
	return nil
}

func (f *pkgBuildFlags) announcement() string {
	switch {
	case f.push && f.nobuild:
		return "Pushing %q without building\n"
	case f.push:
		return "Building and pushing %q\n"
	default:
		return "Building %q\n"
	}
}

// normalPlatforms checks platforms and writes each the same way.
func normalPlatforms(list []string) ([]string, error) {
	var names []string
	for _, text := range list {
		p, err := pkglib.ParsePlatform(text)
		if err != nil {
			return nil, err
		}
		names = append(names, image.Format(p))
	}
	return names, nil
}

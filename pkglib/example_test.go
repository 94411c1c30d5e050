package pkglib_test

import (
	"context"
	"fmt"
	"os"

	"github.com/linuxkit/linuxkit/pkglib"
)

// Tell how the image of a package is called.
func ExampleNewFromConfig() {
	cfg := pkglib.PkglibConfig{BuildYML: pkglib.DefaultPkgBuildYML, HashCommit: pkglib.DefaultPkgCommit}
	pkgs, err := pkglib.NewFromConfig(context.Background(), cfg, "pkg/init")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, p := range pkgs {
		fmt.Println(p.Tag())
	}
}

// Build packages with one runner, which keeps its BuildKit until it is closed.
func ExamplePkg_Build() {
	ctx := context.Background()
	cfg := pkglib.PkglibConfig{BuildYML: pkglib.DefaultPkgBuildYML, HashCommit: pkglib.DefaultPkgCommit}
	pkgs, err := pkglib.NewFromConfig(ctx, cfg, "pkg/one", "pkg/two")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	runner := pkglib.NewDockerRunner(true, pkglib.BuilderConfig{Name: pkglib.DefaultBuilderName()})
	defer runner.Close(ctx)
	for i := range pkgs {
		if err := pkgs[i].ProcessBuildArgs(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		err := pkgs[i].Build(ctx,
			pkglib.WithBuildCacheDir("/var/cache/linuxkit"),
			pkglib.WithBuildPlatforms("linux/amd64", "linux/arm64"),
			pkglib.WithBuildDocker(runner),
			pkglib.WithBuildOutputWriter(os.Stdout),
			pkglib.WithProgressWriter(os.Stderr))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
	}
}

// Read the build arguments of a package without building it: a runner of one's
// own sees each build.
func ExampleDockerRunner() {
	ctx := context.Background()
	cfg := pkglib.PkglibConfig{BuildYML: pkglib.DefaultPkgBuildYML, HashCommit: pkglib.DefaultPkgCommit}
	pkgs, err := pkglib.NewFromConfig(ctx, cfg, "pkg/one")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	err = pkgs[0].Build(ctx,
		pkglib.WithBuildCacheDir("/var/cache/linuxkit"),
		pkglib.WithBuildPlatforms("linux/amd64"),
		pkglib.WithBuildDocker(pkglib.NewDockerDryRunner(os.Stdout)),
		pkglib.WithBuildForce(), pkglib.WithDryRun())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func ExampleTransformBuildArgValue() {
	args, err := pkglib.TransformBuildArgValue(context.Background(), "MODE=debug", "build.yml")
	fmt.Println(args, err)
	// Output: [MODE=debug] <nil>
}

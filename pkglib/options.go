package pkglib

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// BuildOpt is an option of [Pkg.Build].
type BuildOpt func(*buildOpts) error

type buildOpts struct {
	force, skip, pull, push, manifest, docker, dryRun bool
	ignoreCached, preCache, progressShared            bool
	release, dockerfile, sbomScanner, progress        string
	platforms                                         []ocispec.Platform
	builders                                          map[string][]string
	buildArgs, ssh                                    []string
	registryAuth                                      map[string]RegistryAuth
	store                                             *content.Store
	remote                                            Remote
	runner                                            DockerRunner
	builder                                           BuilderConfig
	out, progressWriter                               io.Writer
	version, revision                                 string
	make                                              maker
}

func newBuildOpts(opts []BuildOpt) (*buildOpts, error) {
	o := &buildOpts{out: io.Discard, version: "unknown", revision: "unknown", sbomScanner: "false"}
	for _, opt := range opts {
		if err := opt(o); err != nil {
			return nil, err
		}
	}
	switch {
	case o.force && o.skip:
		return nil, errors.New("cannot force build and skip build")
	case o.release != "" && !o.push:
		return nil, fmt.Errorf("cannot release %q if not pushing", o.release)
	case o.store == nil:
		return nil, errors.New("must provide linuxkit build cache directory")
	}
	return o, nil
}

// set makes an option that cannot fail.
func set(fn func(o *buildOpts)) BuildOpt {
	return func(o *buildOpts) error { fn(o); return nil }
}

// WithBuildForce builds even what the cache has.
func WithBuildForce() BuildOpt { return set(func(o *buildOpts) { o.force = true }) }

// WithBuildSkip builds nothing.
func WithBuildSkip() BuildOpt { return set(func(o *buildOpts) { o.skip = true }) }

// WithBuildPull pulls what only the registry has, instead of noting that it is
// there.
func WithBuildPull() BuildOpt { return set(func(o *buildOpts) { o.pull = true }) }

// WithBuildPush pushes the image after it was built.
func WithBuildPush() BuildOpt { return set(func(o *buildOpts) { o.push = true }) }

// WithBuildManifest pushes also a name for each platform.
func WithBuildManifest() BuildOpt { return set(func(o *buildOpts) { o.manifest = true }) }

// WithRelease publishes the image also under this tag.
func WithRelease(release string) BuildOpt { return set(func(o *buildOpts) { o.release = release }) }

// WithBuildTargetDockerCache loads the images into docker besides.
func WithBuildTargetDockerCache() BuildOpt {
	return set(func(o *buildOpts) { o.docker, o.pull = true, true })
}

// WithBuildPlatforms chooses platforms, such as "linux/arm64", instead of all
// architectures of the build.yml.
func WithBuildPlatforms(platforms ...string) BuildOpt {
	return func(o *buildOpts) error {
		for _, text := range platforms {
			p, err := ParsePlatform(text)
			if err != nil {
				return err
			}
			o.platforms = append(o.platforms, p)
		}
		return nil
	}
}

// WithBuildBuilders names docker contexts or BuildKit addresses by platform.
// Several, separated by commas, share the builds of a platform.
func WithBuildBuilders(builders map[string]string) BuildOpt {
	return func(o *buildOpts) error {
		o.builders = map[string][]string{}
		for platform, names := range builders {
			p, err := ParsePlatform(platform)
			if err != nil {
				return err
			}
			o.builders[formatPlatform(p)] = strings.Split(names, ",")
		}
		return nil
	}
}

// WithBuildDocker builds with a runner of the caller's, who closes it.
func WithBuildDocker(r DockerRunner) BuildOpt { return set(func(o *buildOpts) { o.runner = r }) }

// WithBuildBuilderConfig describes the builder container.
func WithBuildBuilderConfig(c BuilderConfig) BuildOpt {
	return set(func(o *buildOpts) { o.builder = c })
}

// WithBuildBuilderImage is the image of the builder container.
func WithBuildBuilderImage(image string) BuildOpt {
	return set(func(o *buildOpts) { o.builder.Image = image })
}

// WithBuildBuilderRestart makes the builder container anew.
func WithBuildBuilderRestart(restart bool) BuildOpt {
	return set(func(o *buildOpts) { o.builder.Restart = restart })
}

// WithBuildCacheDir names the directory of the cache to build into.
func WithBuildCacheDir(dir string) BuildOpt {
	return func(o *buildOpts) (err error) {
		if dir == "" {
			return errors.New("must provide linuxkit build cache directory")
		}
		o.store, err = content.Open(dir)
		return err
	}
}

// WithBuildStore builds into an open cache.
func WithBuildStore(s *content.Store) BuildOpt { return set(func(o *buildOpts) { o.store = s }) }

// WithBuildRemote asks these registries, pulls from and pushes to them. Without
// it nothing but the cache is looked at.
func WithBuildRemote(r Remote) BuildOpt { return set(func(o *buildOpts) { o.remote = r }) }

// WithBuildOutputWriter receives the lines that tell what is found and built.
// Without it they are discarded.
func WithBuildOutputWriter(w io.Writer) BuildOpt { return set(func(o *buildOpts) { o.out = w }) }

// WithBuildIgnoreCache offers no images of the cache to a Dockerfile.
func WithBuildIgnoreCache() BuildOpt { return set(func(o *buildOpts) { o.ignoreCached = true }) }

// WithPreCacheImages pulls the images that a Dockerfile needs into the cache
// first.
func WithPreCacheImages() BuildOpt { return set(func(o *buildOpts) { o.preCache = true }) }

// BuiltinScanner is the scanner that needs no image and gives the same bill for
// the same image: it reads the databases of apk and dpkg and asks Go programs.
const BuiltinScanner = "builtin"

// WithBuildSbomScanner has an image of a Dockerfile scanned for what it is made
// of: by the image scanner, BuildKit's own if that is empty, or
// [BuiltinScanner]; "false" turns it off again.
func WithBuildSbomScanner(scanner string) BuildOpt {
	return set(func(o *buildOpts) { o.sbomScanner = scanner })
}

// WithDockerfile replaces the name of the Dockerfile.
func WithDockerfile(name string) BuildOpt { return set(func(o *buildOpts) { o.dockerfile = name }) }

// WithBuildArgs adds build arguments "KEY=VALUE", which override those of the
// build.yml.
func WithBuildArgs(args []string) BuildOpt {
	args = slices.Clone(args)
	return set(func(o *buildOpts) { o.buildArgs = args })
}

// WithProgress is how BuildKit's progress is shown: auto, plain, tty, quiet or
// rawjson.
func WithProgress(mode string) BuildOpt { return set(func(o *buildOpts) { o.progress = mode }) }

// WithProgressWriter receives BuildKit's progress. Without it none is shown.
func WithProgressWriter(w io.Writer) BuildOpt {
	return set(func(o *buildOpts) { o.progressWriter = w })
}

// WithProgressShared says that others write to the progress writer too: lines
// then tell what they are about.
func WithProgressShared() BuildOpt { return set(func(o *buildOpts) { o.progressShared = true }) }

// WithSSH forwards SSH agents to the steps of a Dockerfile.
func WithSSH(agents []string) BuildOpt { return set(func(o *buildOpts) { o.ssh = agents }) }

// WithRegistryAuth are the credentials that BuildKit uses instead of those of
// docker's configuration.
func WithRegistryAuth(auth map[string]RegistryAuth) BuildOpt {
	return set(func(o *buildOpts) { o.registryAuth = auth })
}

// WithDryRun tells what would be built, and writes nothing.
func WithDryRun() BuildOpt { return set(func(o *buildOpts) { o.dryRun = true }) }

// WithToolVersion sets the labels that tell which program made an image.
func WithToolVersion(version, revision string) BuildOpt {
	return set(func(o *buildOpts) { o.version, o.revision = version, revision })
}

// ParsePlatform reads "linux/<architecture>[/<variant>]".
func ParsePlatform(text string) (ocispec.Platform, error) {
	parts := strings.Split(strings.TrimSpace(text), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return ocispec.Platform{}, badPlatform(text, "")
	}
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return ocispec.Platform{}, badPlatform(text, "")
		}
	}
	if parts[0] != "linux" {
		return ocispec.Platform{}, badPlatform(text, ": only linux can be built for")
	}
	p := ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

func badPlatform(text, why string) error {
	return fmt.Errorf("invalid target platform specification '%s'%s", text, why)
}

func formatPlatform(p ocispec.Platform) string { return p.OS + "/" + archOf(p) }

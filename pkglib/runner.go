package pkglib

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/buildkit"
	"github.com/linuxkit/linuxkit/internal/content"
)

// DockerRunner builds Dockerfiles and talks to docker. [NewDockerRunner] makes
// the one that does it, [NewDockerDryRunner] one that tells what would be done.
type DockerRunner interface {
	// Build writes the image as a tar of an OCI image layout to w.
	Build(ctx context.Context, opts ImageBuildOptions, w io.Writer) error
	// Tag gives an image of docker's another name.
	Tag(ctx context.Context, ref, tag string) error
	// Save writes images of docker's into the file target.
	Save(ctx context.Context, target string, refs ...string) error
	// Load reads a docker archive.
	Load(ctx context.Context, r io.Reader) error
	// Pull has docker fetch the image of a platform.
	Pull(ctx context.Context, ref, platform string) error
}

// RegistryAuth are the credentials for a registry: a token, or user and
// password.
type RegistryAuth struct {
	Username, Password, RegistryToken string
}

// ImageBuildOptions are what a Dockerfile is built with.
type ImageBuildOptions struct {
	// Tag is the name of the image.
	Tag string
	// Dir is the absolute path of the build context.
	Dir string
	// ExtraSources are put over the context: files or directories by their
	// destinations, in this order.
	ExtraSources []ExtraSource
	// Dockerfile is relative to the context.
	Dockerfile string
	Platform   ocispec.Platform
	// Builders are docker contexts or BuildKit addresses to choose from; none
	// means to look for one.
	Builders  []string
	Labels    map[string]string
	BuildArgs map[string]string
	// NetworkMode is "none", "default" or "host".
	NetworkMode  string
	IgnoreCache  bool
	SSH          []string
	RegistryAuth map[string]RegistryAuth
	// SBOMScanner is the image of a scanner, "" for BuildKit's, "false" for none.
	SBOMScanner string
	// Progress is the way to show progress on ProgressWriter: auto, plain,
	// tty, quiet or rawjson. A nil writer shows nothing.
	Progress       string
	ProgressWriter io.Writer
	// Time is the newest time of a file in the image.
	Time time.Time

	store  *content.Store
	images func(host ocispec.Platform) (map[string]digest.Digest, error)
}

// ExtraSource is a file or directory of the host in a build context.
type ExtraSource struct {
	File, Destination string
}

// BuilderConfig describes the container that BuildKit runs in, if it runs in
// one.
type BuilderConfig struct {
	// Name and Image have defaults.
	Name, Image string
	// ConfigPath is a TOML file of BuildKit's, empty for none.
	ConfigPath string
	// Restart makes the container anew.
	Restart bool
}

// DefaultBuilderName is the name of the builder container.
func DefaultBuilderName() string { return buildkit.DefaultContainerName }

// DefaultBuilderImage is the image of the builder container.
func DefaultBuilderImage() string { return buildkit.DefaultContainerImage }

// ErrBuilderLost says that a BuildKit daemon vanished during a build. A runner
// that returns it is asked again, and must then use another.
var ErrBuilderLost = buildkit.ErrLost

// BuildRunner is the [DockerRunner] that uses BuildKit and the docker command.
// It keeps connections and daemons until it is closed, and is safe for
// concurrent use.
type BuildRunner struct {
	buildkit.Docker
	pool  *buildkit.Pool
	cache bool
}

// NewDockerRunner returns a runner. BuildKit is found at the address in
// BUILDKIT_HOST, else in a container that is made if needed, else by starting
// the buildkitd of the PATH. With cache unset every step is built again.
func NewDockerRunner(cache bool, bc BuilderConfig) *BuildRunner {
	pool := buildkit.NewPool(buildkit.Config{Host: buildkit.HostFromEnv(), Container: buildkit.Container(bc)})
	return &BuildRunner{pool: pool, cache: cache}
}

// Close ends connections, and a daemon that this runner was the last to use.
func (r *BuildRunner) Close(ctx context.Context) error { return r.pool.Close(ctx) }

// Build implements [DockerRunner].
func (r *BuildRunner) Build(ctx context.Context, o ImageBuildOptions, w io.Writer) error {
	req := buildkit.Request{
		Name: o.Tag, Platform: o.Platform, Builders: o.Builders, Dir: o.Dir, Dockerfile: o.Dockerfile,
		Args: o.BuildArgs, Labels: o.Labels, Network: o.NetworkMode, NoCache: o.IgnoreCache || !r.cache,
		SBOM: o.SBOMScanner, Time: o.Time, Store: o.store, Images: o.images, SSH: o.SSH, Auths: map[string]buildkit.Auth{},
	}
	for _, s := range o.ExtraSources {
		req.Sources = append(req.Sources, buildkit.Source(s))
	}
	for host, a := range o.RegistryAuth {
		req.Auths[host] = buildkit.Auth(a)
	}
	if o.ProgressWriter != nil {
		req.Progress = &buildkit.Progress{Writer: o.ProgressWriter, Mode: o.Progress}
	}
	return r.pool.Build(ctx, req, w)
}

// dryRunner prints what would be done.
type dryRunner struct{ w io.Writer }

// NewDockerDryRunner returns a runner that prints builds as commands of docker
// to w and does nothing.
func NewDockerDryRunner(w io.Writer) DockerRunner { return dryRunner{w} }

func (d dryRunner) Build(_ context.Context, o ImageBuildOptions, _ io.Writer) error {
	words := []string{"docker", "buildx", "build", "--platform", o.Platform.OS + "/" + archOf(o.Platform), "-t", o.Tag, "-f", o.Dir + "/" + o.Dockerfile}
	words = append(words, options("--build-arg=", o.BuildArgs)...)
	words = append(words, options("--label=", o.Labels)...)
	words = append(words, "--network="+o.NetworkMode, o.Dir)
	_, err := fmt.Fprintln(d.w, strings.Join(words, " "))
	return err
}

func options(flag string, values map[string]string) []string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		words = append(words, flag+k+"="+values[k])
	}
	return words
}

func (d dryRunner) Tag(_ context.Context, ref, tag string) error {
	_, err := fmt.Fprintln(d.w, "docker image tag", ref, tag)
	return err
}

func (d dryRunner) Save(_ context.Context, target string, refs ...string) error {
	_, err := fmt.Fprintln(d.w, "docker image save -o", target, strings.Join(refs, " "))
	return err
}

func (d dryRunner) Load(_ context.Context, r io.Reader) error {
	_, err := fmt.Fprintln(d.w, "docker image load")
	return err
}

func (d dryRunner) Pull(_ context.Context, ref, platform string) error {
	_, err := fmt.Fprintln(d.w, "docker image pull --platform", platform, ref)
	return err
}

// CheckProgress tells whether there is such a way to show progress.
func CheckProgress(mode string) error { return (&buildkit.Progress{Mode: mode}).Check() }

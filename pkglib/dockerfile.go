package pkglib

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/attest"
	"github.com/linuxkit/linuxkit/internal/builder"
	"github.com/linuxkit/linuxkit/internal/buildkit"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
	"github.com/linuxkit/linuxkit/internal/scan"
)

// hostPlatform is what a Dockerfile is built on unless a daemon says otherwise.
var hostPlatform = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}

// maxBuilders is how many builders may be lost before a build fails.
const maxBuilders = 10

// makeDockerfile has BuildKit build the Dockerfile, again with another daemon
// if one is lost.
func makeDockerfile(ctx context.Context, o *buildOpts, p Pkg, labels map[string]string, platform ocispec.Platform) ([]ocispec.Descriptor, error) {
	if err := p.fetchDepends(ctx, o, platform); err != nil {
		return nil, err
	}
	req, err := p.imageBuild(ctx, o, labels, platform)
	if err != nil {
		return nil, err
	}
	if o.dryRun {
		return nil, o.runner.Build(ctx, req, io.Discard)
	}
	for try := 1; ; try++ {
		roots, err := importBuild(ctx, o, req)
		if errors.Is(err, ErrBuilderLost) && ctx.Err() == nil && try < maxBuilders {
			progress.Warnf(ctx, "%v; trying another builder", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		return adopt(ctx, o, roots, req)
	}
}

// imageBuild is the request for one platform.
func (p Pkg) imageBuild(ctx context.Context, o *buildOpts, labels map[string]string, platform ocispec.Platform) (ImageBuildOptions, error) {
	args, err := p.args(ctx, o)
	if err != nil {
		return ImageBuildOptions{}, err
	}
	at, err := builder.Epoch()
	if err != nil {
		return ImageBuildOptions{}, err
	}
	req := ImageBuildOptions{
		Tag: p.archTag(platform), Dir: p.dir, Dockerfile: p.dockerfile(o), Platform: platform,
		Builders: o.builders[formatPlatform(platform)], Labels: labels, BuildArgs: args, NetworkMode: "none",
		IgnoreCache: p.info.DisableCache, SSH: o.ssh, RegistryAuth: o.registryAuth, SBOMScanner: o.sbomScanner,
		Progress: o.progress, ProgressWriter: o.progressWriter, Time: at,
	}
	if o.progressShared && o.progressWriter != nil && (o.progress == "" || o.progress == "auto" || o.progress == "plain") {
		req.Progress = "plain"
		req.ProgressWriter = &prefixWriter{w: o.progressWriter, prefix: p.info.Image + " " + archOf(platform) + " "}
	}
	if o.sbomScanner == BuiltinScanner {
		req.SBOMScanner = buildkit.NoScanner
	}
	if p.info.Network {
		req.NetworkMode = "default"
	}
	for _, s := range p.sources {
		req.ExtraSources = append(req.ExtraSources, ExtraSource{s.file, s.dst})
	}
	if !o.ignoreCached {
		req.store = o.store
		req.images = func(host ocispec.Platform) (map[string]digest.Digest, error) {
			return p.cachedBases(ctx, o, args, platform, host)
		}
	}
	return req, nil
}

// dockerfile returns the name of the Dockerfile in the package.
func (p Pkg) dockerfile(o *buildOpts) string {
	if o.dockerfile != "" {
		return o.dockerfile
	}
	return p.info.Dockerfile
}

// bases returns the images that the Dockerfile needs.
func (p Pkg) bases(o *buildOpts, args map[string]string, platform, host ocispec.Platform) ([]buildkit.Base, error) {
	data, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(p.dockerfile(o))))
	if err != nil {
		return nil, err
	}
	list, err := buildkit.Bases(data, args, platform, host)
	if err != nil {
		return nil, fmt.Errorf("dockerfile %s: %w", p.dockerfile(o), err)
	}
	return list, nil
}

// cachedBases finds those images of the Dockerfile that the cache has for the
// platform that they are needed for.
func (p Pkg) cachedBases(ctx context.Context, o *buildOpts, args map[string]string, platform, host ocispec.Platform) (map[string]digest.Digest, error) {
	list, err := p.bases(o, args, platform, host)
	if err != nil {
		return nil, err
	}
	found := map[string]digest.Digest{}
	for _, b := range list {
		ref := reference.ExpandTagged(b.Name)
		img, err := cached(ctx, o.store, ref, b.Platform)
		if err != nil && o.preCache && o.remote != nil {
			if _, err := o.remote.Pull(ctx, ref, []ocispec.Platform{b.Platform}, 0); err != nil {
				return nil, fmt.Errorf("unable to pull image %s for caching: %w", b.Name, err)
			}
			img, err = cached(ctx, o.store, ref, b.Platform)
		}
		if err == nil {
			progress.Debugf(ctx, "%s comes from the cache", ref)
			found[b.Familiar] = img.Root.Digest
		} else {
			progress.Debugf(ctx, "BuildKit fetches %s: %v", ref, err)
		}
	}
	return found, nil
}

func cached(ctx context.Context, s *content.Store, ref string, platform ocispec.Platform) (*image.Image, error) {
	root, err := s.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return image.Open(ctx, s, ref, root, platform)
}

// importBuild streams what is built into the cache.
func importBuild(ctx context.Context, o *buildOpts, req ImageBuildOptions) ([]ocispec.Descriptor, error) {
	r, w := io.Pipe()
	built := make(chan error, 1)
	go func() {
		err := o.runner.Build(ctx, req, w)
		w.CloseWithError(err)
		built <- err
	}()
	// What arrives is told by BuildKit itself.
	roots, loadErr := image.Load(progress.With(ctx, progress.Discard), o.store, r)
	if loadErr == nil {
		_, loadErr = io.Copy(io.Discard, r) // padding after the archive
	}
	r.CloseWithError(loadErr)
	if err := <-built; err != nil && !errors.Is(err, loadErr) {
		return nil, err
	}
	return roots, loadErr
}

// adopt returns the image and the attestations of what was imported, which is
// an index or a bare manifest.
func adopt(ctx context.Context, o *buildOpts, roots []ocispec.Descriptor, req ImageBuildOptions) ([]ocispec.Descriptor, error) {
	switch {
	case len(roots) == 0:
		return nil, errors.New("no index descriptor returned from load")
	case len(roots) > 1:
		return nil, errors.New("more than one index descriptor returned from load")
	}
	root := roots[0]
	list := []ocispec.Descriptor{{MediaType: root.MediaType, Digest: root.Digest, Size: root.Size, Platform: &req.Platform}}
	if content.IsIndex(root.MediaType) {
		index, err := o.store.ReadIndex(ctx, root)
		if err != nil {
			return nil, err
		}
		list = index.Manifests
	}
	images := 0
	for i, d := range list {
		if d.Annotations[image.AnnotationSubject] == "" {
			images++
			continue
		}
		var err error
		if list[i], err = attest.Normalise(ctx, o.store, d, req.Time); err != nil {
			return nil, err
		}
	}
	if images == 0 {
		return nil, fmt.Errorf("no valid descriptor returned for image for arch %s", archOf(req.Platform))
	}
	if o.sbomScanner == BuiltinScanner {
		return addBill(ctx, o.store, list, req)
	}
	return list, nil
}

// addBill scans the image and attests what it is made of.
func addBill(ctx context.Context, s *content.Store, list []ocispec.Descriptor, req ImageBuildOptions) ([]ocispec.Descriptor, error) {
	at := slices.IndexFunc(list, func(d ocispec.Descriptor) bool { return image.SamePlatform(d.Platform, &req.Platform) })
	if at < 0 {
		return nil, fmt.Errorf("no valid descriptor returned for image for arch %s", archOf(req.Platform))
	}
	img, err := image.Open(ctx, s, req.Tag, list[at], req.Platform)
	if err != nil {
		return nil, err
	}
	parts, err := scan.Image(ctx, img)
	if err != nil {
		return nil, err
	}
	facts := attest.Facts{Name: req.Tag, Image: list[at], Time: req.Time, Components: parts}
	subject := list[at].Digest.String()
	about := slices.IndexFunc(list, func(d ocispec.Descriptor) bool { return d.Annotations[image.AnnotationSubject] == subject })
	if about < 0 {
		desc, err := attest.AddSPDX(ctx, s, nil, facts)
		return append(list, desc), err
	}
	list[about], err = attest.AddSPDX(ctx, s, &list[about], facts)
	return list, err
}

// fetchDepends puts the images of docker's that the Dockerfile wants into the
// build context.
func (p Pkg) fetchDepends(ctx context.Context, o *buildOpts, platform ocispec.Platform) error {
	d := p.info.Depends
	if len(d.Images) == 0 {
		return nil
	}
	if d.Target == "" && d.TargetDir == "" {
		return errors.New("depends.docker-images names images but neither target nor target-dir")
	}
	if d.TargetDir != "" && !o.dryRun {
		if err := os.RemoveAll(d.TargetDir); err != nil {
			return err
		}
		if err := os.MkdirAll(d.TargetDir, 0o755); err != nil {
			return err
		}
	}
	for _, ref := range d.Images {
		if err := o.runner.Pull(ctx, ref, formatPlatform(platform)); err != nil {
			return fmt.Errorf("failed to pull %q: %w", ref, err)
		}
		if d.TargetDir != "" {
			name := filepath.Base(ref)
			fmt.Fprintf(o.out, "Adding %q as dependency\n", name)
			if err := o.runner.Save(ctx, filepath.Join(d.TargetDir, name+".tar"), ref); err != nil {
				return err
			}
		}
	}
	if d.Target == "" {
		return nil
	}
	return o.runner.Save(ctx, d.Target, d.Images...)
}

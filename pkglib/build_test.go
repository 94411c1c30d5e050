package pkglib

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// factory is a maker whose images are empty but for their labels and a serial
// number.
type factory struct {
	made  atomic.Int32
	fail  string // architecture
	gate  chan struct{}
	mu    sync.Mutex
	asked []string
}

func (f *factory) make(ctx context.Context, o *buildOpts, p Pkg, labels map[string]string, platform ocispec.Platform) ([]ocispec.Descriptor, error) {
	s := o.store
	f.mu.Lock()
	f.asked = append(f.asked, p.info.Image+" "+archOf(platform))
	f.mu.Unlock()
	if f.gate != nil {
		<-f.gate
	}
	if platform.Architecture == f.fail {
		return nil, errors.New("no luck")
	}
	config, err := putJSON(ctx, s, ocispec.MediaTypeImageConfig, ocispec.Image{
		Author: fmt.Sprint(f.made.Add(1)), Platform: platform, Config: ocispec.ImageConfig{Labels: labels},
	})
	if err != nil {
		return nil, err
	}
	image, err := putJSON(ctx, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config})
	image.Platform = &platform
	return []ocispec.Descriptor{image}, err
}

func putJSON(ctx context.Context, s *content.Store, mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return s.Put(ctx, mediaType, data)
}

func (f *factory) option() BuildOpt {
	return func(o *buildOpts) error { o.make = f.make; return nil }
}

func newStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// arches lists the platforms in the index named ref.
func arches(t *testing.T, s *content.Store, ref string) string {
	t.Helper()
	list, err := children(t.Context(), s, ref)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, archOf(*d.Platform))
	}
	return strings.Join(names, " ")
}

// layered turns pkg/foo into a package of layers.
func layered(r *testRepo) {
	r.write("pkg/foo/build.yml", "image: foo\narches: [amd64, arm64]\nlayers: [files: rootfs]\nlabels: {a: b}\nconfig: {pid: host}\n")
	r.commit()
}

func TestBuild(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{}
	layered(r)
	p := r.load(defaults, "pkg/foo")
	build := func(opts ...BuildOpt) string {
		t.Helper()
		var out bytes.Buffer
		opts = append(opts, WithBuildStore(s), f.option(), WithBuildOutputWriter(&out), WithToolVersion("v1", "abc"))
		if err := p.Build(t.Context(), opts...); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	build(WithBuildPlatforms("linux/arm64"))
	if got := arches(t, s, p.FullTag()); got != "arm64" {
		t.Errorf("index has %s", got)
	}
	out := build()
	if want := "found " + p.FullTag() + " in local cache, skipping build\n"; !strings.Contains(out, want) {
		t.Errorf("output %q lacks %q", out, want)
	}
	if got := arches(t, s, p.FullTag()); got != "arm64 amd64" || f.made.Load() != 2 {
		t.Errorf("index has %s, made %d", got, f.made.Load())
	}
	if got := arches(t, s, p.FullTag()+"-amd64"); got != "amd64" {
		t.Errorf("index for amd64 has %s", got)
	}
	build()
	build(WithBuildForce(), WithBuildPlatforms("linux/amd64"))
	if got := arches(t, s, p.FullTag()); got != "arm64 amd64" || f.made.Load() != 3 {
		t.Errorf("forced: index has %s, made %d", got, f.made.Load())
	}
	checkLabels(t, s, p, r.git("rev-parse", "HEAD"))
	for _, arch := range []string{"amd64", "arm64"} {
		name := p.FullTag() + "-" + arch
		if desc, err := s.Resolve(t.Context(), name); err != nil || desc.Annotations["io.containerd.image.name"] != name {
			t.Errorf("entry %s: %v, %v", name, desc.Annotations, err)
		}
	}
}

func checkLabels(t *testing.T, s *content.Store, p Pkg, revision string) {
	t.Helper()
	list, err := children(t.Context(), s, p.FullTag()+"-amd64")
	if err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	var image ocispec.Image
	for _, step := range []struct {
		desc *ocispec.Descriptor
		into any
	}{{&list[0], &manifest}, {&manifest.Config, &image}} {
		data, err := s.ReadAll(t.Context(), *step.desc)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, step.into); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"a": "b", "org.mobyproject.config": `{"pid":"host"}`,
		"org.opencontainers.image.source":   "https://github.com/linuxkit/linuxkit",
		"org.opencontainers.image.revision": revision,
		"org.mobyproject.linuxkit.version":  "v1",
		"org.mobyproject.linuxkit.revision": "abc",
	}
	if !reflect.DeepEqual(image.Config.Labels, want) {
		t.Errorf("labels %v, want %v", image.Config.Labels, want)
	}
}

func TestLabelsOfDirtyAndPlain(t *testing.T) {
	r := newTestRepo(t)
	layered(r)
	r.write("pkg/foo/new", "x")
	o := &buildOpts{version: "v", revision: "r"}
	labels, err := r.load(defaults, "pkg/foo").labels(t.Context(), o)
	if _, has := labels[ocispec.AnnotationRevision]; err != nil || has || labels[ocispec.AnnotationSource] == "" {
		t.Errorf("dirty: %v, %v", labels, err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "build.yml"), "image: foo\nlayers: [files: rootfs]\n")
	pkgs, err := NewFromConfig(t.Context(), defaults, dir)
	if err != nil {
		t.Fatal(err)
	}
	if labels, err = pkgs[0].labels(t.Context(), o); err != nil || len(labels) != 2 {
		t.Errorf("outside git: %v, %v", labels, err)
	}
}

// A blob that is gone makes an image count as absent.
func TestIncompleteImage(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{}
	layered(r)
	p := r.load(defaults, "pkg/foo")
	missing := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromString("gone"), Size: 4}
	desc, err := putJSON(t.Context(), s, ocispec.MediaTypeImageManifest, ocispec.Manifest{Config: missing})
	if err != nil {
		t.Fatal(err)
	}
	desc.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	if err := extendIndex(t.Context(), s, p.FullTag(), []ocispec.Descriptor{desc}); err != nil {
		t.Fatal(err)
	}
	if err := p.Build(t.Context(), WithBuildStore(s), f.option(), WithBuildPlatforms("linux/amd64")); err != nil || f.made.Load() != 1 {
		t.Errorf("made %d, %v", f.made.Load(), err)
	}
}

func TestBuildErrors(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{fail: "arm64"}
	layered(r)
	r.write("pkg/docker/build.yml", "image: docker\n")
	r.write("pkg/docker/Dockerfile", "FROM scratch\n")
	r.write("pkg/none/build.yml", "image: none\n")
	r.write("pkg/out/build.yml", "image: out\ndockerfile: ../docker/Dockerfile\n")
	r.write("pkg/arch/build.yml", "image: arch\narches: [X/Y/Z]\nlayers: [files: rootfs]\n")
	r.write("pkg/name/build.yml", "image: NAME\nlayers: [files: rootfs]\n")
	r.commit()
	all := []BuildOpt{WithBuildStore(s), f.option()}
	byID := defaults
	byID.HashCommit = r.git("rev-parse", "HEAD")
	for _, c := range []struct {
		name string
		cfg  PkglibConfig
		opts []BuildOpt
		want string
	}{
		{"pkg/foo", defaults, all, "error building for arch arm64: no luck"},
		{"pkg/foo", byID, all, "cannot build from commit hash != HEAD"},
		{"pkg/foo", defaults, all[1:], "must provide linuxkit build cache directory"},
		{"pkg/foo", defaults, []BuildOpt{WithBuildCacheDir("")}, "must provide linuxkit build cache directory"},
		{"pkg/foo", defaults, append(all, WithBuildForce(), WithBuildSkip()), "cannot force build and skip build"},
		{"pkg/foo", defaults, append(all, WithBuildPlatforms("amd64")), "invalid target platform specification 'amd64'"},
		{"pkg/none", defaults, all, "dockerfile Dockerfile does not exist or cannot be read in context " + r.path("pkg/none")},
		{"pkg/out", defaults, all, "cannot expand beyond root of context for dockerfile ../docker/Dockerfile"},
		{"pkg/arch", defaults, all, "arches of linuxkit/arch:"},
		{"pkg/name", defaults, all, "could not resolve references for image linuxkit/NAME:"},
	} {
		err := r.load(c.cfg, c.name).Build(t.Context(), c.opts...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	if names, err := s.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("failed builds left %v, %v", names, err)
	}
	if err := r.load(defaults, "pkg/docker").Build(t.Context(), append(all, WithBuildSkip())...); err != nil {
		t.Errorf("skipping is no failure: %v", err)
	}
}

func TestLockNeedsLayers(t *testing.T) {
	r := newTestRepo(t)
	if err := r.load(defaults, "pkg/foo").Lock(t.Context()); !errors.Is(err, ErrNoLayers) {
		t.Error(err)
	}
	layered(r)
	if err := r.load(defaults, "pkg/foo").Lock(t.Context()); err != nil {
		t.Errorf("layers without Debian packages: %v", err)
	}
}

func TestParsePlatform(t *testing.T) {
	for text, want := range map[string]string{
		"linux/amd64": "amd64", " linux/arm/v7 ": "arm/v7",
		"amd64": "", "linux/": "", "/amd64": "", "windows/amd64": "", "linux/a/b/c": "", "linux/a:b": "", "linux/..": "", "": "",
	} {
		p, err := ParsePlatform(text)
		if (err == nil) != (want != "") || err == nil && archOf(p) != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

// An image that is no index serves for its architecture, and is not replaced.
func TestBuildWithPlainImage(t *testing.T) {
	r, s, f := newTestRepo(t), newStore(t), &factory{}
	layered(r)
	p := r.load(defaults, "pkg/foo")
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	list, err := f.make(t.Context(), &buildOpts{store: s}, p, nil, amd64)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(t.Context(), p.FullTag(), list[0]); err != nil {
		t.Fatal(err)
	}
	for arch, want := range map[string]string{"amd64": "", "arm64": "already exists in cache and is not an index"} {
		out, err := output(t, p, WithBuildStore(s), f.option(), WithBuildPlatforms("linux/"+arch))
		if want == "" && (err != nil || !strings.Contains(out, "in local cache, skipping build")) {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", arch, err, want)
		}
	}
	if f.made.Load() != 1 {
		t.Errorf("made %d images", f.made.Load())
	}
}

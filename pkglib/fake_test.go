package pkglib

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/image"
)

// fakeRunner writes images as BuildKit does.
type fakeRunner struct {
	bare, twice, none, padded, empty bool
	fail                             string // architecture
	lost                             int    // how many builds lose their builder

	mu     sync.Mutex
	builds []ImageBuildOptions
	calls  []string
}

func (f *fakeRunner) Build(_ context.Context, o ImageBuildOptions, w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.builds = append(f.builds, o)
	if f.lost > 0 {
		f.lost--
		fmt.Fprint(w, "something")
		return fmt.Errorf("builder: %w", ErrBuilderLost)
	}
	if o.Platform.Architecture == f.fail {
		return errors.New("no luck")
	}
	l := &fakeLayout{}
	config := l.blob(ocispec.MediaTypeImageConfig, ocispec.Image{Author: fmt.Sprint(len(f.builds)), Platform: o.Platform, Config: ocispec.ImageConfig{Labels: o.Labels}})
	root := l.blob(ocispec.MediaTypeImageManifest, ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config})
	if !f.bare {
		root = l.index(root, o.Platform, f.empty)
	}
	roots := []ocispec.Descriptor{root}
	if f.twice {
		roots = append(roots, root)
	}
	if f.none {
		roots = nil
	}
	l.write(w, roots)
	if f.padded {
		w.Write(make([]byte, 1<<16))
	}
	return nil
}

func (f *fakeRunner) call(words ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.Join(words, " "))
	return nil
}

func (f *fakeRunner) Tag(_ context.Context, ref, tag string) error { return f.call("tag", ref, tag) }
func (f *fakeRunner) Save(_ context.Context, target string, refs ...string) error {
	return f.call("save", target, strings.Join(refs, " "))
}
func (f *fakeRunner) Load(_ context.Context, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	return errors.Join(err, f.call("load", fmt.Sprint(n > 0)))
}
func (f *fakeRunner) Pull(_ context.Context, ref, platform string) error {
	return f.call("pull", ref, platform)
}

// fakeLayout is an OCI image layout.
type fakeLayout struct{ blobs map[string][]byte }

func (l *fakeLayout) blob(mediaType string, v any) ocispec.Descriptor {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if l.blobs == nil {
		l.blobs = map[string][]byte{}
	}
	d := digest.FromBytes(data)
	l.blobs["blobs/sha256/"+d.Encoded()] = data
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (l *fakeLayout) index(manifest ocispec.Descriptor, p ocispec.Platform, empty bool) ocispec.Descriptor {
	manifest.Platform = &p
	statement := l.blob("application/vnd.in-toto+json", map[string]any{"predicate": map[string]any{
		"runDetails": map[string]any{"metadata": map[string]any{"startedOn": time.Now().String(), "kept": true}},
	}})
	statement.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
	config := l.blob(ocispec.MediaTypeImageConfig, ocispec.Image{RootFS: ocispec.RootFS{DiffIDs: []digest.Digest{statement.Digest}}})
	about := l.blob(ocispec.MediaTypeImageManifest, ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: config, Layers: []ocispec.Descriptor{statement}})
	about.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	about.Annotations = map[string]string{image.AnnotationSubject: manifest.Digest.String(), "vnd.docker.reference.type": "attestation-manifest"}
	list := []ocispec.Descriptor{manifest, about}
	if empty {
		list = list[1:]
	}
	return l.blob(ocispec.MediaTypeImageIndex, ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: list})
}

func (l *fakeLayout) write(w io.Writer, roots []ocispec.Descriptor) {
	index, err := json.Marshal(ocispec.Index{Manifests: roots})
	if err != nil {
		panic(err)
	}
	l.blobs["index.json"] = index
	t := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(l.blobs)) {
		t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(l.blobs[name]))})
		t.Write(l.blobs[name])
	}
	t.Close()
}

// fakeRemote is a registry.
type fakeRemote struct {
	has    map[string][]string // architectures by name
	pull   error
	pulled []string
	pushed []string
}

func (f *fakeRemote) Platforms(_ context.Context, ref string, _ time.Duration) ([]ocispec.Platform, error) {
	if f.has[ref] == nil {
		return nil, errors.New("not there")
	}
	var list []ocispec.Platform
	for _, a := range f.has[ref] {
		list = append(list, ocispec.Platform{OS: "linux", Architecture: a})
	}
	return list, nil
}

func (f *fakeRemote) Pull(_ context.Context, ref string, platforms []ocispec.Platform, _ time.Duration) (ocispec.Descriptor, error) {
	f.pulled = append(f.pulled, ref)
	return ocispec.Descriptor{}, f.pull
}

func (f *fakeRemote) Push(_ context.Context, local, remote string, o PushOptions) error {
	o.Say("pushing")
	f.pushed = append(f.pushed, fmt.Sprintf("%s as %s, arches %v, override %v", local, remote, o.ArchTags, o.Override))
	return nil
}

func (f *fakeRemote) Assemble(_ context.Context, ref string, arches []string) error {
	f.pushed = append(f.pushed, "assemble "+ref)
	return nil
}

// dockered is a package with a Dockerfile.
func dockered(t *testing.T) (*testRepo, Pkg) {
	r := newTestRepo(t)
	r.write("pkg/foo/build.yml", "image: foo\narches: [amd64, arm64]\nlabels: {}\n")
	r.write("pkg/foo/build.yml", "image: foo\narches: [amd64, arm64]\nextra-sources: [\"../../lib:/lib\"]\n")
	r.write("pkg/foo/Dockerfile", "FROM scratch\nCOPY data /\n")
	r.commit()
	return r, r.load(defaults, "pkg/foo")
}

// output builds and returns what is told.
func output(t *testing.T, p Pkg, opts ...BuildOpt) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := p.Build(t.Context(), append(opts, WithBuildOutputWriter(&out))...)
	return out.String(), err
}

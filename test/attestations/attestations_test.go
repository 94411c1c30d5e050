package attestations

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/pkglib"
)

// part is something that a bill of materials names.
type part struct{ kind, name, version, sha256 string }

const (
	goModule      = "pkg:golang/"
	debianPackage = "pkg:deb/debian/"
)

// TestBills builds packages of this repository and compares what their bills of
// materials name with what was locked, and with what the programs in the images
// say of themselves: nothing is missing, nothing is invented.
func TestBills(t *testing.T) {
	if os.Getenv("LINUXKIT_TEST_DEBIAN") == "" {
		t.Skip("set LINUXKIT_TEST_DEBIAN=1 to download Debian packages from the mirror")
	}
	for _, program := range []string{"git", "go"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	for dir, least := range map[string]int{"pkg/containerd": 60, "pkg/dhcpcd": 6, "examples/pkg/nginx": 7} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			dir := filepath.Join("../..", dir)
			s, img, bill := buildPackage(t, dir)
			got := billed(t, s, img.Descriptor, bill)
			want := locked(t, dir)
			linked(t, img, want)
			if len(want) < least {
				t.Errorf("only %d parts are known: %v", len(want), want)
			}
			for p := range want {
				if !got[p] {
					t.Errorf("the bill lacks %+v", p)
				}
			}
			for p := range got {
				if !want[p] {
					t.Errorf("the bill invents %+v", p)
				}
			}
			t.Logf("%d parts", len(got))
		})
	}
}

// buildPackage builds the package in dir for this host's architecture and
// returns its image and the attestation about it.
func buildPackage(t *testing.T, dir string) (*content.Store, *image.Image, ocispec.Descriptor) {
	t.Helper()
	platform := ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := pkglib.PkglibConfig{BuildYML: pkglib.DefaultPkgBuildYML, HashCommit: pkglib.DefaultPkgCommit}
	pkgs, err := pkglib.NewFromConfig(t.Context(), cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := pkgs[0].Build(t.Context(), pkglib.WithBuildStore(s), pkglib.WithBuildPlatforms(image.Format(platform))); err != nil {
		t.Fatal(err)
	}
	root, err := s.Resolve(t.Context(), pkgs[0].FullTag())
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Open(t.Context(), s, pkgs[0].FullTag(), root, platform)
	if err != nil {
		t.Fatal(err)
	}
	index, err := s.ReadIndex(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range index.Manifests {
		if d.Annotations["vnd.docker.reference.digest"] == img.Descriptor.Digest.String() {
			return s, img, d
		}
	}
	t.Fatalf("nothing is attested about %s: %+v", img.Descriptor.Digest, index.Manifests)
	return nil, nil, ocispec.Descriptor{}
}

// billed reads the parts in the SPDX document of an attestation.
func billed(t *testing.T, s *content.Store, subject, attestation ocispec.Descriptor) map[part]bool {
	t.Helper()
	m, err := s.ReadManifest(t.Context(), attestation)
	if err != nil {
		t.Fatal(err)
	}
	var statement struct {
		Subject []struct {
			Digest map[string]string
		}
		Predicate struct {
			Packages []struct {
				Name, VersionInfo string
				Checksums         []struct{ Algorithm, ChecksumValue string }
				ExternalRefs      []struct{ ReferenceType, ReferenceLocator string }
			}
		}
	}
	for _, d := range m.Layers {
		if d.Annotations["in-toto.io/predicate-type"] != "https://spdx.dev/Document" {
			continue
		}
		data, err := s.ReadAll(t.Context(), d)
		if err == nil {
			err = json.Unmarshal(data, &statement)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(statement.Subject) == 0 || statement.Subject[0].Digest["sha256"] != subject.Digest.Encoded() {
		t.Errorf("the subject is %v", statement.Subject)
	}
	parts := map[part]bool{}
	for _, p := range statement.Predicate.Packages {
		made := part{name: p.Name, version: p.VersionInfo}
		for _, r := range p.ExternalRefs {
			for _, kind := range []string{goModule, debianPackage} {
				if r.ReferenceType == "purl" && strings.HasPrefix(r.ReferenceLocator, kind+p.Name) {
					made.kind = kind
				}
			}
		}
		if made.kind == debianPackage && len(p.Checksums) == 1 {
			made.sha256 = p.Checksums[0].ChecksumValue
		}
		if made.kind != "" {
			parts[made] = true
		}
	}
	return parts
}

// locked are the Debian packages that the file beside a build.yml pins.
func locked(t *testing.T, dir string) map[part]bool {
	t.Helper()
	parts := map[part]bool{}
	data, err := os.ReadFile(filepath.Join(dir, "debian.lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return parts
	}
	var lock struct {
		Sets []struct {
			Arches map[string][]struct{ Name, Version, SHA256 string }
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &lock)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range lock.Sets {
		for _, p := range set.Arches[runtime.GOARCH] {
			parts[part{debianPackage, p.Name, p.Version, p.SHA256}] = true
		}
	}
	return parts
}

// linked adds the modules that the Go programs of an image tell.
func linked(t *testing.T, img *image.Image, parts map[part]bool) {
	t.Helper()
	err := layer.Flatten(t.Context(), img.Layers(), layer.Options{}, func(e *layer.Entry) error {
		if e.Content == nil || e.Header.Mode&0o111 == 0 {
			return nil
		}
		data, err := io.ReadAll(e.Content)
		if err != nil {
			return err
		}
		info, err := buildinfo.Read(bytes.NewReader(data))
		if err != nil {
			return nil // no Go program
		}
		parts[part{goModule, "stdlib", strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go"), ""}] = true
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Replace != nil {
				m = m.Replace
			}
			parts[part{goModule, m.Path, strings.TrimPrefix(m.Version, "(devel)"), ""}] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package builder

import (
	"context"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// statement reads the predicate of an attestation about b.
func (b built) statement(t *testing.T, data []byte, kind string, predicate any) {
	t.Helper()
	var s struct {
		Type          string `json:"predicateType"`
		Subject       []struct{ Digest map[string]string }
		Predicate     json.RawMessage
		StatementType string `json:"_type"`
	}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if s.Type != kind || s.StatementType != "https://in-toto.io/Statement/v0.1" || len(s.Subject) != 1 || s.Subject[0].Digest["sha256"] != b.desc.Digest.Encoded() {
		t.Errorf("statement %s", data)
	}
	if err := json.Unmarshal(s.Predicate, predicate); err != nil {
		t.Fatal(err)
	}
}

func TestAttestations(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	r := debianRecipe(t, newArchive(t), map[string]string{"usr/bin/tool*": "elf"})
	r.Name = "docker.io/linuxkit/x:1"
	writeFiles(t, r.Dir, map[string]string{
		"go.mod":       "module example.org/own\ngo 1.24\nrequire example.org/dep v1.2.0\nreplace example.org/dep => ./dep\n",
		"main.go":      "package main\nimport \"example.org/dep\"\nfunc main() { dep.F() }\n",
		"dep/go.mod":   "module example.org/dep\ngo 1.24\n",
		"dep/dep.go":   "package dep\nfunc F() {}\n",
		"rootfs/x.txt": "x",
	})
	r.Layers = append(r.Layers, Layer{Go: &Go{Path: "/usr/bin/own"}}, Layer{Files: &Files{"rootfs"}})
	s := newStore(t)
	b := mustBuild(t, s, r, hostPlatform)
	if b.about.Platform.OS != "unknown" || b.about.Annotations["vnd.docker.reference.digest"] != b.desc.Digest.String() {
		t.Errorf("descriptor %+v", b.about)
	}
	var m ocispec.Manifest
	readJSON(t, s, b.about, &m)
	read := func(i int) []byte {
		data, err := s.ReadAll(context.Background(), m.Layers[i])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var doc struct {
		Packages []struct {
			Name, VersionInfo string
			Checksums         []struct{ ChecksumValue string }
			ExternalRefs      []struct{ ReferenceLocator string }
		}
	}
	b.statement(t, read(0), "https://spdx.dev/Document", &doc)
	got := map[string]string{}
	for _, p := range doc.Packages[1:] {
		got[p.Name] = p.ExternalRefs[0].ReferenceLocator
	}
	want := []string{"./dep", "example.org/own", "stdlib", "tool"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("components %v, want %v", names, want)
	}
	if want := "pkg:deb/debian/tool@1.0?arch=all&distro=trixie"; got["tool"] != want {
		t.Errorf("Debian package %s, want %s", got["tool"], want)
	}
	if c := doc.Packages[1].Checksums; len(c) != 1 || len(c[0].ChecksumValue) != 64 {
		t.Errorf("checksums of the Debian package: %v", c)
	}
	var origin struct {
		BuildDefinition struct {
			ExternalParameters   struct{ Layers []Layer }
			ResolvedDependencies []struct{ URI string }
		}
	}
	b.statement(t, read(1), "https://slsa.dev/provenance/v1", &origin)
	if d := origin.BuildDefinition; len(d.ExternalParameters.Layers) != 3 || len(d.ResolvedDependencies) != 4 {
		t.Errorf("provenance %+v", d)
	}
	if again := mustBuild(t, newStore(t), r, hostPlatform); again.about.Digest != b.about.Digest {
		t.Error("attestations differ from build to build")
	}
}

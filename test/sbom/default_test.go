// Package sbom_test compares the bill of materials of the default system with
// what is really in it.
package sbom_test

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"
)

const (
	root   = "../.."
	system = root + "/linuxkit.yml"
	arch   = "amd64"
)

// TestDefaultSystem wants every Debian package and every Go module of the
// default system. The former are those of the lock files, the latter those that
// the programs themselves name.
func TestDefaultSystem(t *testing.T) {
	dir := t.TempDir()
	output, bom := filepath.Join(dir, "x.tar"), filepath.Join(dir, "x.spdx.json")
	cmd := exec.CommandContext(t.Context(), "go", "run", "github.com/linuxkit/linuxkit/cmd/linuxkit",
		"build", "--arch", arch, "-o", output, "--sbom-file", bom, "linuxkit.yml")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the default system: %v\n%s", err, out)
	}
	have := packages(t, bom)
	debian, modules := lockedPackages(t), programModules(t, output)
	if len(debian) < 5 || len(modules) < 20 {
		t.Fatalf("%d Debian packages and %d modules are too few to be all", len(debian), len(modules))
	}
	for _, want := range [][]string{debian, modules} {
		for _, p := range want {
			if !have[p] {
				t.Errorf("%s is not in the bill of materials", p)
			}
		}
	}
}

// packages returns what a bill of materials lists, as name and version, after
// the library of the SPDX project found it valid.
func packages(t *testing.T, name string) map[string]bool {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := spdxjson.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Errorf("the bill of materials is not valid: %v", err)
	}
	seen := map[spdx.ElementID]bool{}
	have := map[string]bool{}
	for _, p := range doc.Packages {
		if seen[p.PackageSPDXIdentifier] {
			t.Errorf("%s occurs twice", p.PackageSPDXIdentifier)
		}
		seen[p.PackageSPDXIdentifier] = true
		have[p.PackageName+" "+p.PackageVersion] = true
	}
	return have
}

// lockedPackages are the Debian packages of all packages of the system.
func lockedPackages(t *testing.T) []string {
	t.Helper()
	yaml, err := os.ReadFile(system)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`@pkg:([^"]+)"`).FindAllSubmatch(yaml, -1) {
		data, err := os.ReadFile(filepath.Join(root, string(m[1]), "debian.lock"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var lock struct {
			Sets []struct {
				Arches map[string][]struct{ Name, Version string }
			}
		}
		if err := json.Unmarshal(data, &lock); err != nil {
			t.Fatal(err)
		}
		for _, s := range lock.Sets {
			for _, p := range s.Arches[arch] {
				all = append(all, p.Name+" "+p.Version)
			}
		}
	}
	return all
}

// programModules are the modules that the Go programs in a tar were built from.
func programModules(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || h.Mode&0o111 == 0 {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		info, err := buildinfo.Read(bytes.NewReader(data))
		if err != nil {
			continue // not a Go program
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			all = append(all, m.Path+" "+m.Version)
		}
	}
}

package sbom

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSamples joins the examples that the SPDX project publishes with its
// library.
func TestSamples(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/spdx/tools-golang").Output()
	if err != nil {
		t.Skip("the go command does not know where the library is:", err)
	}
	files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "examples/sample-docs/json/*.json"))
	if len(files) == 0 {
		t.Skip("the library has no examples here")
	}
	var all []Source
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source(strings.ReplaceAll(filepath.Base(f), "_", "-"), "p", statement(string(data))))
	}
	text, warned := collect(t, all...)
	if len(warned) > 0 {
		t.Errorf("warnings: %q", warned)
	}
	checkLibrary(t, text)
	if j := check(t, text); len(j.Packages) < 2*len(files) || len(j.Snippets) < len(files) {
		t.Errorf("%d packages, %d snippets of %d examples", len(j.Packages), len(j.Snippets), len(files))
	}
}

package pkglib

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/builder"
)

// TestReference finds keys of build.yml that docs/reference/build-yml.md lacks,
// and keys there that are none.
func TestReference(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/build-yml.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## Layers\n")
	compare(t, "build.yml", knownKeys(t), documented(sections[0]))
	layers, _, _ := strings.Cut(sections[1], "\n## ")
	for i, layer := range []any{builder.Go{}, builder.Debian{}, builder.Files{}, builder.Kernel{}} {
		parts := strings.Split(layers, "\n### ")
		name := strings.ToLower(reflect.TypeOf(layer).Name())
		if !strings.HasPrefix(parts[i+1], name+"\n") {
			t.Fatalf("section %d is not about %s layers", i+1, name)
		}
		compare(t, name+" layer", tags(layer), documented(parts[i+1]))
	}
}

// knownKeys are those that the error about an unknown one lists.
func knownKeys(t *testing.T) []string {
	name := filepath.Join(t.TempDir(), "build.yml")
	if err := os.WriteFile(name, []byte("image: x\nno-such-key: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := readInfo(name)
	if err == nil {
		t.Fatal("an unknown key is accepted")
	}
	_, list, _ := strings.Cut(err.Error(), "known here: ")
	return strings.Split(list, ", ")
}

func tags(v any) []string {
	var names []string
	for i := range reflect.TypeOf(v).NumField() {
		name, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("yaml"), ",")
		names = append(names, name)
	}
	return names
}

var (
	tableRow = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// documented are the names in the first column of a table.
func documented(text string) []string {
	var names []string
	for _, row := range tableRow.FindAllStringSubmatch(text, -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	return names
}

func compare(t *testing.T, what string, known, documented []string) {
	t.Helper()
	for _, name := range known {
		if !slices.Contains(documented, name) {
			t.Errorf("%s: key %s is not documented", what, name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(known, name) {
			t.Errorf("%s: documented key %s does not exist", what, name)
		}
	}
}

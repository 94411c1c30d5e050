package buildkit

import (
	"os"
	"path/filepath"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var amd64, arm64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}, ocispec.Platform{OS: "linux", Architecture: "arm64"}

// writeFiles makes files below dir; a name that ends in * is executable, a text
// that starts with -> a symbolic link.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		mode := os.FileMode(0o600)
		if name[len(name)-1] == '*' {
			name, mode = name[:len(name)-1], 0o700
		}
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		switch {
		case err != nil:
		case len(text) > 2 && text[:2] == "->":
			err = os.Symlink(text[2:], file)
		default:
			err = os.WriteFile(file, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

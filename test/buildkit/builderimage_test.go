//go:build linux

package buildkit

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const builderImage = "builder:1"

// builderImport are the arguments with which docker and podman make an image
// of [builderArchive].
var builderImport = []string{"import", "--change", `ENTRYPOINT ["/usr/bin/buildkitd"]`, "--change", "ENV PATH=/usr/bin", "-", builderImage}

// builderArchive has buildkitd, what it runs, and the libraries of that.
func builderArchive(t *testing.T, tools string) io.Reader {
	t.Helper()
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"usr/bin/buildkitd": tools + "/buildkitd", "usr/bin/buildctl": tools + "/buildctl", "usr/bin/runc": runc}
	libraries, err := exec.Command("ldd", runc).Output()
	if err != nil {
		t.Logf("runc needs no libraries: %v", err)
	}
	for word := range strings.FieldsSeq(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			files[word[1:]] = word
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: 0o755, Size: int64(len(data))})
		}
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

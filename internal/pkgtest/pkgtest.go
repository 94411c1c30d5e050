// Package pkgtest gives tests the files of packages of this module, which it
// has the command build. So they have programs and kernels of Debian's stable
// release, whatever the release of the host.
package pkgtest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Judges is the package with programs that judge what this module writes.
const Judges = "test/pkg/judges"

// Command returns what runs a program of the package Judges, with the libraries
// that are there.
func Command(t testing.TB, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir := Root(t, Judges)
	loader := only(t, filepath.Join(dir, "usr/lib*/ld-linux-*.so.*"))
	libraries := only(t, filepath.Join(dir, "usr/lib/*-linux-gnu"))
	own := []string{"--library-path", libraries, filepath.Join(dir, "usr/bin", program)}
	return exec.Command(loader, append(own, args...)...)
}

func only(t testing.TB, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[0]
}

// Root returns the directory with the files of a package, which is given by its
// directory below that of the module. It is made once for each state of the
// package and stays, so tests must not change it.
func Root(t testing.TB, pkg string) string {
	t.Helper()
	if os.Getenv("LINUXKIT_TEST_DEBIAN") == "" {
		t.Skip("set LINUXKIT_TEST_DEBIAN=1 to download Debian packages from the mirror")
	}
	top := strings.TrimSpace(output(t, "", "go", "list", "-m", "-f", "{{.Dir}}"))
	tag := strings.TrimSpace(linuxkit(t, top, "pkg", "show-tag", pkg))
	_, hash, _ := strings.Cut(tag, ":")
	dir := filepath.Join(top, "build", "pkgtest", hash)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	linuxkit(t, top, "pkg", "build", pkg)
	temp, err := os.MkdirTemp(mkdir(t, filepath.Dir(dir)), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	unpack(t, linuxkit(t, top, "cache", "export", "--format", "filesystem", "--outfile", "-", tag), temp)
	// Another test may have been faster.
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return dir
}

func mkdir(t testing.TB, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func linuxkit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return output(t, dir, "go", append([]string{"run", "./cmd/linuxkit", "-q"}, args...)...)
}

func output(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, &stderr)
	}
	return string(out)
}

// unpack writes directories, files and symbolic links. Packages for tests have
// nothing else.
func unpack(t testing.TB, archive, dir string) {
	t.Helper()
	if err := extract(tar.NewReader(strings.NewReader(archive)), dir); err != nil {
		t.Fatal(err)
	}
}

func extract(r *tar.Reader, dir string) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := place(h, r, filepath.Join(dir, filepath.FromSlash(h.Name))); err != nil {
			return err
		}
	}
}

func place(h *tar.Header, r io.Reader, path string) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(path, 0o755)
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, path)
	case tar.TypeReg:
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, h.FileInfo().Mode().Perm())
	}
	return fmt.Errorf("%s is neither a directory nor a file nor a symbolic link", h.Name)
}

package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

var hostPlatform = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}

func newStore(t testing.TB) *content.Store {
	t.Helper()
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writeFiles makes files below dir. A name that ends in * is executable, a text
// that starts with -> a symbolic link.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		mode := os.FileMode(0o644)
		if name[len(name)-1] == '*' {
			name, mode = name[:len(name)-1], 0o755
		}
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if len(text) > 2 && text[:2] == "->" {
			err = errors.Join(err, os.Symlink(text[2:], file))
		} else {
			err = errors.Join(err, os.WriteFile(file, []byte(text), mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// built is an image read back.
type built struct {
	desc     ocispec.Descriptor
	about    ocispec.Descriptor // the attestations
	manifest ocispec.Manifest
	image    ocispec.Image
	layers   []map[string]string // by name: type, mode and content or target
	order    [][]string
}

// mustBuild builds and reads back, checking what must hold for every image.
func mustBuild(t testing.TB, s *content.Store, r Recipe, p ocispec.Platform) built {
	t.Helper()
	ctx := context.Background()
	descs, err := Build(ctx, s, r, p)
	if err != nil {
		t.Fatal(err)
	}
	b := built{desc: descs[0], about: descs[1]}
	readJSON(t, s, b.desc, &b.manifest)
	readJSON(t, s, b.manifest.Config, &b.image)
	for i, l := range b.manifest.Layers {
		entries, order, diffID := readLayer(t, s, l)
		if diffID != b.image.RootFS.DiffIDs[i] {
			t.Errorf("layer %d has diff id %s, the configuration says %s", i, diffID, b.image.RootFS.DiffIDs[i])
		}
		b.layers, b.order = append(b.layers, entries), append(b.order, order)
	}
	return b
}

func readJSON(t testing.TB, s *content.Store, d ocispec.Descriptor, v any) {
	t.Helper()
	data, err := s.ReadAll(context.Background(), d)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readLayer(t testing.TB, s *content.Store, d ocispec.Descriptor) (map[string]string, []string, digest.Digest) {
	t.Helper()
	r, err := s.Reader(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	z, err := zstd.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	entries, order := readTar(t, plain)
	return entries, order, digest.FromBytes(plain)
}

func readTar(t testing.TB, data []byte) (map[string]string, []string) {
	t.Helper()
	entries, order := map[string]string{}, []string{}
	for tr := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries, order
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != defaultEpoch || h.Uname != "" {
			t.Errorf("%s has time %v, user %q", h.Name, h.ModTime, h.Uname)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		entries[h.Name] = fmt.Sprintf("%c %o %s%s", h.Typeflag, h.Mode, h.Linkname, text)
		order = append(order, h.Name)
	}
}

// makeDeb makes a package with dpkg-deb and returns its bytes.
func makeDeb(t testing.TB, name string, files map[string]string) []byte {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	writeFiles(t, dir, map[string]string{"DEBIAN/control": "Package: " + name + "\nVersion: 1.0\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: test\n"})
	out := filepath.Join(t.TempDir(), "x.deb")
	if msg, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", dir, out).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, msg)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// archive is a Debian mirror of this host.
type archive struct {
	*httptest.Server
	files    map[string][]byte
	requests int
}

// newArchive starts a mirror and makes it the configured one.
func newArchive(t testing.TB) *archive {
	t.Helper()
	a := &archive{files: map[string][]byte{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests++
		data, ok := a.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(a.Close)
	for _, name := range []string{envSecurity, envSnapshot, "http_proxy", "HTTP_PROXY"} {
		setenv(t, name, "")
	}
	setenv(t, envMirror, a.URL+"/debian/")
	return a
}

func setenv(t testing.TB, name, value string) {
	t.Helper()
	t.(interface{ Setenv(string, string) }).Setenv(name, value)
}

// put publishes a package and returns its line of the lock.
func (a *archive) put(name string, data []byte) lockedPackage {
	sum := sha256.Sum256(data)
	p := lockedPackage{Name: name, Version: "1.0", Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Path: "pool/main/" + name + "_1.0+x_all.deb"}
	a.files["/debian/"+p.Path] = data
	return p
}

// writeLock pins packages as the answer to a request for the host.
func writeLock(t testing.TB, dir string, r request, packages ...lockedPackage) {
	t.Helper()
	l := &lockFile{Version: lockVersion, Release: debianRelease}
	l.put(r, hostPlatform.Architecture, packages)
	data, err := l.encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, LockFile), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mustEpoch(t testing.TB) time.Time {
	t.Helper()
	e, err := Epoch()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

package content

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestFreshLayout(t *testing.T) {
	s := newStore(t)
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("List = %v, %v", all, err)
	}
	if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
		t.Errorf("reading made the directory: %v", err)
	}
	if err := s.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"oci-layout": "{\n    \"imageLayoutVersion\": \"1.0.0\"\n}",
		"index.json": `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`,
		".lock":      "",
	} {
		got, err := os.ReadFile(s.path(name))
		if err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestOpenFile(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "unable to create cache directory") {
		t.Errorf("Open of a file: %v", err)
	}
}

func TestWriter(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	for _, c := range []struct {
		name string
		want digest.Digest
		err  error
	}{
		{"any digest", "", nil},
		{"right digest", digest.FromString("hello"), nil},
		{"right sha512", digest.SHA512.FromString("hello"), nil},
		{"wrong digest", digest.FromString("other"), ErrCorrupt},
		{"path as digest", "sha256:../../../../etc/passwd", ErrInvalid},
		{"weak algorithm", "md5:5d41402abc4b2a76b9719d911017c592", ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := s.Create(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			io.WriteString(w, "hello")
			d, err := w.Commit(ctx, "text/plain", c.want)
			if !errors.Is(err, c.err) {
				t.Fatalf("Commit: %v, want %v", err, c.err)
			}
			if data, err := s.ReadAll(ctx, d); c.err == nil && (err != nil || string(data) != "hello") {
				t.Errorf("ReadAll = %q, %v", data, err)
			}
		})
	}
	if left := files(t, s, ingestDir); len(left) != 0 {
		t.Errorf("left in the ingest directory: %q", left)
	}
	if blobs := files(t, s, "blobs/sha256"); len(blobs) != 1 {
		t.Errorf("blobs: %q", blobs)
	}
}

func TestInvisibleUntilCommit(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	w, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "hello")
	d := ocispec.Descriptor{Digest: digest.FromString("hello"), Size: 5}
	if _, err := s.Reader(ctx, d); s.Has(ctx, d) || !errors.Is(err, ErrNotFound) {
		t.Errorf("blob is visible: %v", err)
	}
	w.Close()
	if _, err := w.Commit(ctx, "", ""); err == nil {
		t.Error("a closed writer was committed")
	}
	if s.Has(ctx, d) {
		t.Error("blob appeared after Close")
	}
}

func TestCopyChecksSize(t *testing.T) {
	s := newStore(t)
	for _, content := range []string{"hell", "hello!"} {
		d := ocispec.Descriptor{Digest: digest.FromString("hello"), Size: 5}
		if err := s.Copy(t.Context(), d, strings.NewReader(content)); !errors.Is(err, ErrSize) {
			t.Errorf("Copy of %q: %v", content, err)
		}
	}
}

func TestDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(path string) error
		has    bool
	}{
		{"flipped", func(p string) error { return os.WriteFile(p, []byte("hellp"), 0o600) }, true},
		{"truncated", func(p string) error { return os.Truncate(p, 3) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ctx := newStore(t), t.Context()
			d, err := s.Put(ctx, "text/plain", []byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			name, _ := s.blobPath(d.Digest)
			if err := c.damage(s.path(name)); err != nil {
				t.Fatal(err)
			}
			if s.Has(ctx, d) != c.has {
				t.Errorf("Has = %v", !c.has)
			}
			if _, err := s.ReadAll(ctx, d); !errors.Is(err, ErrCorrupt) {
				t.Errorf("ReadAll: %v", err)
			}
			if err := s.Verify(ctx, d); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Verify: %v", err)
			}
			w, err := s.Create(ctx)
			if err != nil {
				t.Fatal(err)
			}
			w.Replace = true
			io.WriteString(w, "hello")
			if _, err := w.Commit(ctx, "", d.Digest); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(ctx, d); err != nil {
				t.Errorf("after repair: %v", err)
			}
		})
	}
}

// A blob that was compared may be opened without another comparison, but not
// after it was changed.
func TestVerifiedOnce(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d, err := s.Put(ctx, "", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	read := func() (plain bool, err error) {
		r, err := s.Verified(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, plain = r.(*os.File)
		_, err = io.Copy(io.Discard, r)
		return plain, err
	}
	for i, want := range []bool{false, true} {
		if plain, err := read(); plain != want || err != nil {
			t.Errorf("read %d: plain file %v, %v", i, plain, err)
		}
	}
	name, _ := s.blobPath(d.Digest)
	os.Remove(s.path(name))
	os.WriteFile(s.path(name), []byte("hellp"), 0o600)
	if plain, err := read(); plain || !errors.Is(err, ErrCorrupt) {
		t.Errorf("after a change: plain file %v, %v", plain, err)
	}
}

func TestHostileLayout(t *testing.T) {
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := ocispec.Descriptor{Digest: digest.FromString("secret"), Size: 6}
	place := func(s *Store) string {
		name, _ := s.blobPath(d.Digest)
		os.MkdirAll(s.path("blobs/sha256"), 0o755)
		return s.path(name)
	}
	for name, prepare := range map[string]func(s *Store) error{
		"symbolic link":  func(s *Store) error { return os.Symlink(secret, place(s)) },
		"directory":      func(s *Store) error { return os.Mkdir(place(s), 0o755) },
		"linked parents": func(s *Store) error { place(s); os.RemoveAll(s.path("blobs")); return linkedBlobs(s, d) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if err := prepare(s); err != nil {
				t.Fatal(err)
			}
			if f, err := s.Reader(t.Context(), d); err == nil {
				f.Close()
				t.Error("the blob was opened")
			}
		})
	}
}

// linkedBlobs makes the directory of blobs a link out of the cache.
func linkedBlobs(s *Store, d ocispec.Descriptor) error {
	outside := s.Dir() + "-outside"
	if err := os.MkdirAll(outside+"/sha256", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(outside+"/sha256/"+d.Digest.Encoded(), []byte("secret"), 0o600); err != nil {
		return err
	}
	return os.Symlink(outside, s.path("blobs"))
}

func TestHugeManifest(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	d, err := s.Put(ctx, ocispec.MediaTypeImageIndex, make([]byte, MaxManifest+1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadIndex(ctx, d); !errors.Is(err, ErrInvalid) {
		t.Errorf("ReadIndex: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	s, ctx := copyRecorded(t), t.Context()
	makeReadOnly(t, s.Dir())
	if all := checkWhole(t, s); len(all) != 9 {
		t.Errorf("List has %d entries", len(all))
	}
	d, err := s.Resolve(ctx, "conf/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, "x.io/a:b", d); err == nil {
		t.Error("Tag succeeded")
	}
	if _, err := s.Derived().Create(ctx, "key"); err == nil {
		t.Error("Create of derived content succeeded")
	}
}

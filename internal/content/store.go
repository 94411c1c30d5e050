package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	_ "crypto/sha256" // the algorithms of digests
	_ "crypto/sha512"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	// ErrNotFound means that a name, blob or derived thing is not there.
	ErrNotFound = errors.New("not in the cache")
	// ErrCorrupt means that stored bytes are not what their digest or size
	// says.
	ErrCorrupt = errors.New("damaged in the cache")
	// ErrInvalid means that a descriptor, manifest or index is not acceptable.
	ErrInvalid = errors.New("invalid content")
)

const (
	layoutFile = "oci-layout"
	layoutText = "{\n    \"imageLayoutVersion\": \"1.0.0\"\n}"
	indexFile  = "index.json"
	blobsDir   = "blobs"
	ingestDir  = "ingest"
	derivedDir = "derived"
	lockFile   = ".lock"
	useFile    = ".use"
	dirMode    = 0o755
	fileMode   = 0o644
	// MaxManifest is the size in bytes above which nothing is read as a
	// manifest, index or image configuration.
	MaxManifest = 8 << 20
)

// Store is a cache directory. It is safe for concurrent use, also by several
// stores of one directory and by several processes.
type Store struct {
	dir     string
	cleanUp sync.Once
	derived Derived
	index   indexMemo
	// verified maps the digests of blobs that were compared to a stamp.
	verified sync.Map
}

// Open returns the store in dir. Nothing is created before something is
// written; a directory that cannot be written can still be read.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open cache %s: %w", dir, err)
	}
	info, err := os.Stat(abs)
	switch {
	case err == nil && !info.IsDir():
		return nil, fmt.Errorf("unable to create cache directory %s: not a directory", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("unable to create cache directory %s: %w", dir, err)
	}
	s := &Store{dir: abs}
	s.derived = Derived{store: s, Limit: DefaultDerivedLimit}
	return s, nil
}

// Dir is the absolute path of the cache directory.
func (s *Store) Dir() string { return s.dir }

// Derived returns what is kept beside the blobs.
func (s *Store) Derived() *Derived { return &s.derived }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Init creates the directory and the files of an empty layout where they are
// missing. Everything that writes does this by itself.
func (s *Store) Init(ctx context.Context) error {
	if _, err := os.Stat(s.path(indexFile)); err == nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return fmt.Errorf("unable to create cache directory %s: %w", s.dir, err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return s.initLocked()
}

func (s *Store) initLocked() error {
	if _, err := os.Stat(s.path(indexFile)); err == nil {
		return nil
	}
	if _, err := os.Stat(s.path(layoutFile)); errors.Is(err, fs.ErrNotExist) {
		if err := s.writeFile(layoutFile, []byte(layoutText)); err != nil {
			return err
		}
	}
	data, err := encodeIndex(emptyIndex())
	if err != nil {
		return err
	}
	return s.writeFile(indexFile, data)
}

// blobPath returns where the blob is kept. It is the only way from a digest to
// a path.
func (s *Store) blobPath(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("%w: digest %q: %w", ErrInvalid, d, err)
	}
	return filepath.Join(blobsDir, d.Algorithm().String(), d.Encoded()), nil
}

// Reader opens a blob. Its size is checked against desc, a size of zero or
// less in desc is not; the content is not hashed, see [Store.Verified].
func (s *Store) Reader(_ context.Context, desc ocispec.Descriptor) (*os.File, error) {
	name, err := s.blobPath(desc.Digest)
	if err != nil {
		return nil, err
	}
	f, err := s.openRegular(name)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", desc.Digest, err)
	}
	info, err := f.Stat()
	if err == nil && desc.Size > 0 && info.Size() != desc.Size {
		err = fmt.Errorf("%w: it has %d bytes instead of %d", ErrCorrupt, info.Size(), desc.Size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open blob %s: %w", desc.Digest, err)
	}
	return f, nil
}

// openRegular opens a file of the store that is neither a symbolic link nor
// outside of the directory.
func (s *Store) openRegular(name string) (*os.File, error) {
	info, err := os.Lstat(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file; remove it", ErrInvalid, s.path(name))
	}
	f, err := os.OpenInRoot(s.dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return f, err
}

// Has tells whether a blob is there with the size that desc says.
func (s *Store) Has(_ context.Context, desc ocispec.Descriptor) bool {
	name, err := s.blobPath(desc.Digest)
	if err != nil {
		return false
	}
	info, err := os.Lstat(s.path(name))
	return err == nil && info.Mode().IsRegular() && (desc.Size <= 0 || info.Size() == desc.Size)
}

// ReadAll returns a small blob, at most [MaxManifest] bytes, after comparing
// it with its digest.
func (s *Store) ReadAll(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	f, err := s.Reader(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", desc.Digest, err)
	}
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("read blob %s: %w: more than %d bytes", desc.Digest, ErrInvalid, MaxManifest)
	}
	if desc.Digest.Algorithm().FromBytes(data) != desc.Digest {
		return nil, fmt.Errorf("read blob %s: %w: the content does not match the digest", desc.Digest, ErrCorrupt)
	}
	return data, nil
}

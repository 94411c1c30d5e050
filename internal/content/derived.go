package content

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// DefaultDerivedLimit is how many bytes of derived things are kept.
const DefaultDerivedLimit = 4 << 30

// touchAfter is how old the record of the last use may get, and how long
// something stays at least after it was used.
const touchAfter = time.Minute

// Derived keeps things that were converted from blobs and can be made again:
// each is a plain file, found by a key that says everything about how it was
// made. The least recently used go when there is too much.
//
// Files are not synced, for losing one is harmless. A torn one must be noticed
// though: the name of a file holds its length, its checksum and the boot of
// the host it was written in. The same boot saw no power loss, so that the
// length suffices; later the checksum is compared once, after which the file
// counts as durable.
type Derived struct {
	// Limit is the number of bytes kept; what was used within the last minute
	// comes on top. Set it before use.
	Limit int64

	store *Store
}

// durable takes the place of the boot in the name of a file that is known to
// be on stable storage.
const durable = "durable"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (d *Derived) dir(key string) string {
	sum := sha256.Sum256([]byte(key))
	return d.store.path(derivedDir, hex.EncodeToString(sum[:]))
}

// derivedName is what the name of a file says.
type derivedName struct {
	size int64
	sum  uint32
	boot string
}

func (n derivedName) String() string { return fmt.Sprintf("%d-%08x-%s", n.size, n.sum, n.boot) }

func parseDerivedName(s string) (n derivedName, ok bool) {
	parts := strings.SplitN(s, "-", 3)
	if len(parts) != 3 {
		return n, false
	}
	size, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return n, false
	}
	sum, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return n, false
	}
	n = derivedName{size: size, sum: uint32(sum), boot: parts[2]}
	return n, n.String() == s
}

// Get opens what is kept under key: the file holds exactly what was written.
// It stays readable when it is evicted meanwhile.
func (d *Derived) Get(ctx context.Context, key string) (*os.File, error) {
	dir := d.dir(key)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read derived content: %w", err)
	}
	for _, e := range entries {
		n, ok := parseDerivedName(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		f, err := d.open(ctx, filepath.Join(dir, e.Name()), n)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("derived content: %w", ErrNotFound)
}

// open returns the file if it is whole, else removes it.
func (d *Derived) open(ctx context.Context, path string, n derivedName) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read derived content: %w", err)
	}
	ok, err := whole(ctx, f, n)
	if err != nil || !ok {
		f.Close()
		if err == nil {
			os.Remove(path)
			err = ErrNotFound
		}
		return nil, err
	}
	d.used(f, n)
	return f, nil
}

// whole tells whether f is what its name says.
func whole(ctx context.Context, f *os.File, n derivedName) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() != n.size {
		return false, nil
	}
	if n.boot == durable || n.boot != "" && n.boot == bootID() {
		return true, nil
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, contextReader{ctx, f}); err != nil {
		return false, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return sum.Sum32() == n.sum, err
}

// used records the use of f, and that it survived a boot. Neither matters if
// the cache cannot be written.
func (d *Derived) used(f *os.File, n derivedName) {
	path := f.Name()
	if n.boot != bootID() && n.boot != durable {
		n.boot = durable
		if renamed := filepath.Join(filepath.Dir(path), n.String()); os.Rename(path, renamed) == nil {
			path = renamed
		}
	}
	if info, err := f.Stat(); err == nil && time.Since(info.ModTime()) > touchAfter {
		now := time.Now()
		os.Chtimes(path, now, now)
	}
}

// DerivedWriter receives something derived. It is invisible until committed.
type DerivedWriter struct {
	d    *Derived
	ctx  context.Context
	key  string
	t    *tempFile
	sum  hash.Hash32
	size int64
}

// Create starts something that is to be kept under key. The writer must be
// closed.
func (d *Derived) Create(ctx context.Context, key string) (*DerivedWriter, error) {
	if err := d.store.Init(ctx); err != nil {
		return nil, err
	}
	t, err := d.store.newTemp(ctx)
	if err != nil {
		return nil, err
	}
	return &DerivedWriter{d: d, ctx: ctx, key: key, t: t, sum: crc32.New(castagnoli)}, nil
}

// Write adds to the content.
func (w *DerivedWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.t.Write(p)
	w.sum.Write(p[:n])
	w.size += int64(n)
	if err != nil {
		err = fmt.Errorf("write derived content: %w", err)
	}
	return n, err
}

// Commit makes the content visible and evicts what is too much.
func (w *DerivedWriter) Commit() error {
	defer w.Close()
	n := derivedName{size: w.size, sum: w.sum.Sum32(), boot: bootID()}
	sync := n.boot == ""
	if sync {
		n.boot = durable
	}
	if err := w.t.publish(filepath.Join(w.d.dir(w.key), n.String()), sync); err != nil {
		return fmt.Errorf("keep derived content: %w", err)
	}
	if bound, ok := w.d.enter(w.size); ok && bound <= w.d.Limit {
		return nil
	}
	return w.d.evict()
}

// Close drops what was not committed.
func (w *DerivedWriter) Close() error {
	w.t.discard()
	return nil
}

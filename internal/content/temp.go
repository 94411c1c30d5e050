package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix marks files in the ingest directory as ours; LinuxKit's content
// store API keeps directories there.
const tempPrefix = "new-"

// tempFile is a file in the ingest directory. A lock on it says that its
// writer lives.
type tempFile struct {
	*os.File
	done bool
}

func (s *Store) newTemp(ctx context.Context) (*tempFile, error) {
	if err := os.MkdirAll(s.path(ingestDir), dirMode); err != nil {
		return nil, fmt.Errorf("write to cache: %w", err)
	}
	s.cleanUp.Do(s.removeStale)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(s.path(ingestDir, tempPrefix+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
		if err != nil {
			return nil, fmt.Errorf("write to cache: %w", err)
		}
		if keepTemp(f) {
			return &tempFile{File: f}, nil
		}
		f.Close()
	}
}

// keepTemp locks a new file. It fails if a cleaner was quicker.
func keepTemp(f *os.File) bool {
	if ok, err := tryFileLock(f); err == nil && !ok {
		return false
	}
	return sameFile(f, f.Name())
}

// publish gives the file its place. It is closed, whatever happens.
func (t *tempFile) publish(path string, durable bool) error {
	defer t.discard()
	if durable {
		if err := t.Sync(); err != nil {
			return err
		}
	}
	if !canRenameOpen {
		if err := t.Close(); err != nil {
			return err
		}
	}
	// Where possible the lock is kept until the file has its name.
	if err := renameInto(t.Name(), path); err != nil {
		return err
	}
	t.done = true
	if canRenameOpen {
		return t.Close()
	}
	return nil
}

// renameInto makes the directory of path, which another process may be
// removing because it is empty, and moves the file there.
func renameInto(old, path string) (err error) {
	for range 10 {
		if err = os.MkdirAll(filepath.Dir(path), dirMode); err == nil {
			err = os.Rename(old, path)
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return err
}

// discard removes the file unless it was published.
func (t *tempFile) discard() {
	if t.done {
		return
	}
	t.done = true
	t.Close()
	os.Remove(t.Name())
}

// removeStale removes what dead writers left. Errors do not matter: the next
// process tries again.
func (s *Store) removeStale() {
	entries, _ := os.ReadDir(s.path(ingestDir))
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		f, err := os.OpenFile(s.path(ingestDir, e.Name()), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if ok, err := tryFileLock(f); ok && err == nil {
			removeLocked(f)
			continue
		}
		f.Close()
	}
}

// writeFile replaces a file of the store: readers see the old or the new
// content, also after a power loss.
func (s *Store) writeFile(name string, data []byte) error {
	t, err := s.newTemp(context.Background())
	if err != nil {
		return err
	}
	defer t.discard()
	if _, err := t.Write(data); err != nil {
		return fmt.Errorf("write %s of the cache: %w", name, err)
	}
	if err := t.publish(s.path(name), true); err != nil {
		return fmt.Errorf("write %s of the cache: %w", name, err)
	}
	return syncDir(s.dir)
}

// syncBlobDirs makes the names of all blobs durable, and those of the
// directories they are in.
func (s *Store) syncBlobDirs() error {
	algorithms, err := os.ReadDir(s.path(blobsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		if a.IsDir() {
			if err := syncDir(s.path(blobsDir, a.Name())); err != nil {
				return err
			}
		}
	}
	if err := syncDir(s.path(blobsDir)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

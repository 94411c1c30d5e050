package content

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

type derivedFile struct {
	path string
	size int64
	used time.Time
}

// evict removes the least recently used files until the limit is kept.
func (d *Derived) evict() error {
	files, total, err := d.files()
	if err != nil {
		return err
	}
	sort.Slice(files, func(a, b int) bool { return files[a].used.Before(files[b].used) })
	for _, f := range files {
		if total <= d.Limit || time.Since(f.used) <= touchAfter {
			break
		}
		// A file that is open where that matters stays, as does one that
		// another process has evicted already.
		if os.Remove(f.path) == nil {
			os.Remove(filepath.Dir(f.path))
		}
		total -= f.size
	}
	return nil
}

func (d *Derived) files() (files []derivedFile, total int64, err error) {
	root := d.store.path(derivedDir)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			files = append(files, derivedFile{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
		return err
	})
	return files, total, err
}

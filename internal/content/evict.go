package content

import (
	"context"
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
	ledger := d.newLedger()
	defer ledger.Close()
	files, total, err := d.files()
	if err != nil {
		return err
	}
	enterCount(ledger, d.shrink(files, total))
	return nil
}

// shrink removes files until the limit is kept. It returns the total that is
// left.
func (d *Derived) shrink(files []derivedFile, total int64) int64 {
	sort.Slice(files, func(a, b int) bool { return files[a].used.Before(files[b].used) })
	for _, f := range files {
		if total <= d.Limit || time.Since(f.used) <= touchAfter {
			break
		}
		if f.remove() {
			total -= f.size
		}
	}
	return total
}

// remove tells whether the file is gone, be it by another process. One that is
// open where that matters stays.
func (f derivedFile) remove() bool {
	if err := os.Remove(f.path); err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	os.Remove(filepath.Dir(f.path))
	return true
}

// trim removes what the limits do not allow; others are the bytes of blobs.
func (d *Derived) trim(l Limits, others int64, got *Collected) error {
	files, total, err := d.files()
	if err != nil {
		return err
	}
	sort.Slice(files, func(a, b int) bool { return files[a].used.Before(files[b].used) })
	total += others
	for _, f := range files {
		old := l.Age > 0 && time.Since(f.used) > l.Age
		if !old && (l.Size < 0 || total <= l.Size) {
			continue
		}
		if !l.DryRun && !f.remove() {
			continue
		}
		total -= f.size
		got.Derived++
		got.DerivedBytes += f.size
	}
	return nil
}

// Audit compares all files with their checksums and removes those that differ,
// which is harmless: they are made again. It returns how many there were.
func (d *Derived) Audit(ctx context.Context) (checked, removed int, err error) {
	files, _, err := d.files()
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		n, ok := parseDerivedName(filepath.Base(f.path))
		if ok {
			n.boot = "" // so that the checksum counts
			ok, err = wholeFile(ctx, f.path, n)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return checked, removed, err
		}
		checked++
		if !ok && f.remove() {
			removed++
		}
	}
	return checked, removed, nil
}

func wholeFile(ctx context.Context, path string, n derivedName) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return whole(ctx, f, n)
}

func (d *Derived) files() (files []derivedFile, total int64, err error) {
	root := d.store.path(derivedDir)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() || path == d.ledger() {
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

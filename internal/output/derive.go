package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/linuxkit/linuxkit/internal/content"
)

// derive returns what make writes as an open file: from the cache if an
// earlier build left it there, else made now. Without a cache, or with one
// that cannot be written, the file is a temporary one that is already removed.
func (b *build) derive(ctx context.Context, key string, make func(w io.Writer) error) (*os.File, error) {
	files, err := b.deriveAll(ctx, []string{key}, func(w []io.Writer) error { return make(w[0]) })
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// deriveAll is derive for several files that are made together.
func (b *build) deriveAll(ctx context.Context, keys []string, make func(w []io.Writer) error) ([]*os.File, error) {
	if b.opts.Cache == nil {
		return fillTemps(len(keys), make)
	}
	files, err := getAll(ctx, b.opts.Cache, keys)
	if err == nil || !errors.Is(err, content.ErrNotFound) {
		return files, err
	}
	writers, err := createAll(ctx, b.opts.Cache, keys)
	if err != nil {
		return fillTemps(len(keys), make)
	}
	if err := fillCache(writers, make); err != nil {
		return nil, err
	}
	return getAll(ctx, b.opts.Cache, keys)
}

// getAll opens what is kept under the keys: all or nothing.
func getAll(ctx context.Context, c *content.Derived, keys []string) ([]*os.File, error) {
	var files []*os.File
	for _, key := range keys {
		f, err := c.Get(ctx, key)
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func createAll(ctx context.Context, c *content.Derived, keys []string) ([]*content.DerivedWriter, error) {
	var writers []*content.DerivedWriter
	for _, key := range keys {
		w, err := c.Create(ctx, key)
		if err != nil {
			closeAll(writers)
			return nil, err
		}
		writers = append(writers, w)
	}
	return writers, nil
}

func fillCache(writers []*content.DerivedWriter, make func(w []io.Writer) error) error {
	defer closeAll(writers)
	if err := make(asWriters(writers)); err != nil {
		return err
	}
	for _, w := range writers {
		if err := w.Commit(); err != nil {
			return fmt.Errorf("keep a converted image in the cache: %w", err)
		}
	}
	return nil
}

// fillTemps returns temporary files with what make writes.
func fillTemps(n int, make func(w []io.Writer) error) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	for range n {
		f, err := os.CreateTemp("", "linuxkit-*")
		if err != nil {
			return files, err
		}
		os.Remove(f.Name())
		files = append(files, f)
	}
	if err := make(asWriters(files)); err != nil {
		return files, err
	}
	for _, f := range files {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return files, err
		}
	}
	return files, nil
}

func asWriters[W io.Writer](all []W) []io.Writer {
	var writers []io.Writer
	for _, w := range all {
		writers = append(writers, w)
	}
	return writers
}

func closeAll[C io.Closer](all []C) {
	for _, c := range all {
		c.Close()
	}
}

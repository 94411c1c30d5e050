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
	if b.opts.Cache != nil {
		f, err := b.opts.Cache.Get(ctx, key)
		if err == nil || !errors.Is(err, content.ErrNotFound) {
			return f, err
		}
		w, err := b.opts.Cache.Create(ctx, key)
		if err == nil {
			return fillCache(ctx, b.opts.Cache, key, w, make)
		}
	}
	return fillTemp(make)
}

func fillCache(ctx context.Context, c *content.Derived, key string, w *content.DerivedWriter, make func(w io.Writer) error) (*os.File, error) {
	defer w.Close()
	if err := make(w); err != nil {
		return nil, err
	}
	if err := w.Commit(); err != nil {
		return nil, fmt.Errorf("keep a converted image in the cache: %w", err)
	}
	return c.Get(ctx, key)
}

func fillTemp(make func(w io.Writer) error) (_ *os.File, err error) {
	f, err := os.CreateTemp("", "linuxkit-*")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := make(f); err != nil {
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

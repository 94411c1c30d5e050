package content

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Verified opens a blob whose content is compared with its digest while it is
// read: instead of io.EOF the last read returns an error that is [ErrCorrupt]
// if they differ. What was compared once and has not changed since is opened
// as a plain file, in which one can also seek.
func (s *Store) Verified(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	f, err := s.Reader(ctx, desc)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open blob %s: %w", desc.Digest, err)
	}
	now := stamp{info.Size(), info.ModTime()}
	if known, ok := s.verified.Load(desc.Digest); ok && known == now {
		return f, nil
	}
	return &verifier{f: f, desc: desc, h: desc.Digest.Algorithm().Hash(), good: func() { s.verified.Store(desc.Digest, now) }}, nil
}

// stamp tells whether a file was changed.
type stamp struct {
	size     int64
	modified time.Time
}

type verifier struct {
	f    *os.File
	desc ocispec.Descriptor
	h    hash.Hash
	good func()
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.h.Write(p[:n])
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if fmt.Sprintf("%x", v.h.Sum(nil)) != v.desc.Digest.Encoded() {
		return n, fmt.Errorf("read blob %s: %w: the content does not match the digest", v.desc.Digest, ErrCorrupt)
	}
	v.good()
	return n, err
}

func (v *verifier) Close() error { return v.f.Close() }

// Verify reads a blob and compares it with its digest.
func (s *Store) Verify(ctx context.Context, desc ocispec.Descriptor) error {
	s.verified.Delete(desc.Digest)
	r, err := s.Verified(ctx, desc)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, contextReader{ctx, r})
	return err
}

// contextReader ends with the error of its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

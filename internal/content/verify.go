package content

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Verified opens a blob whose content is compared with its digest while it is
// read: instead of io.EOF the last read returns an error that is [ErrCorrupt]
// if they differ.
func (s *Store) Verified(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
	f, err := s.Reader(ctx, desc)
	if err != nil {
		return nil, err
	}
	return &verifier{f: f, desc: desc, h: desc.Digest.Algorithm().Hash()}, nil
}

type verifier struct {
	f    *os.File
	desc ocispec.Descriptor
	h    hash.Hash
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.h.Write(p[:n])
	if errors.Is(err, io.EOF) && fmt.Sprintf("%x", v.h.Sum(nil)) != v.desc.Digest.Encoded() {
		err = fmt.Errorf("read blob %s: %w: the content does not match the digest", v.desc.Digest, ErrCorrupt)
	}
	return n, err
}

func (v *verifier) Close() error { return v.f.Close() }

// Verify reads a blob and compares it with its digest.
func (s *Store) Verify(ctx context.Context, desc ocispec.Descriptor) error {
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

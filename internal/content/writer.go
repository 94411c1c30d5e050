package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Writer receives one blob. It is invisible until committed.
type Writer struct {
	// Replace makes Commit write over a blob that is already there with the
	// right size, to repair it.
	Replace bool

	s    *Store
	ctx  context.Context
	t    *tempFile
	h    hash.Hash
	size int64
	// flushed is how much is on its way to the disk.
	flushed int64
}

// writeback is how many bytes are gathered before the system is told to start
// writing them to the disk, so that little is left to wait for at the end.
const writeback = 4 << 20

// Create starts a blob. The writer must be closed.
func (s *Store) Create(ctx context.Context) (*Writer, error) {
	if err := s.Init(ctx); err != nil {
		return nil, err
	}
	if err := s.inUse(ctx); err != nil {
		return nil, err
	}
	t, err := s.newTemp(ctx)
	if err != nil {
		return nil, err
	}
	return &Writer{s: s, ctx: ctx, t: t, h: digest.Canonical.Hash()}, nil
}

// Write adds to the blob.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.t.Write(p)
	w.h.Write(p[:n])
	w.size += int64(n)
	if w.size-w.flushed >= writeback {
		startWriteback(w.t.File, w.flushed, w.size-w.flushed)
		w.flushed = w.size
	}
	if err != nil {
		err = fmt.Errorf("write blob to cache: %w", err)
	}
	return n, err
}

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// Commit makes the blob visible and durable and returns its descriptor. If
// want is not empty and the content has another digest, the error is
// [ErrCorrupt] and nothing is kept.
func (w *Writer) Commit(ctx context.Context, mediaType string, want digest.Digest) (ocispec.Descriptor, error) {
	defer w.Close()
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: want, Size: w.size}
	got, err := w.digest(want)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if want != "" && got != want {
		return ocispec.Descriptor{}, fmt.Errorf("store blob %s: %w: the content has digest %s", want, ErrCorrupt, got)
	}
	desc.Digest = got
	if !w.Replace && w.s.Has(ctx, desc) && (desc.Size > 0 || w.s.Verify(ctx, desc) == nil) {
		return desc, nil
	}
	name, err := w.s.blobPath(got)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := w.t.publish(w.s.path(name), true); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("store blob %s: %w", got, err)
	}
	return desc, nil
}

// digest returns the digest of what was written, by the algorithm of want.
func (w *Writer) digest(want digest.Digest) (digest.Digest, error) {
	if want == "" {
		return digest.NewDigest(digest.Canonical, w.h), nil
	}
	if err := want.Validate(); err != nil {
		return "", fmt.Errorf("store blob: %w: digest %q: %w", ErrInvalid, want, err)
	}
	if want.Algorithm() == digest.Canonical {
		return digest.NewDigest(digest.Canonical, w.h), nil
	}
	if _, err := w.t.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return want.Algorithm().FromReader(w.t)
}

// Close drops what was not committed.
func (w *Writer) Close() error {
	w.t.discard()
	return nil
}

// Put stores a small blob.
func (s *Store) Put(ctx context.Context, mediaType string, data []byte) (ocispec.Descriptor, error) {
	w, err := s.Create(ctx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer w.Close()
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		return ocispec.Descriptor{}, err
	}
	return w.Commit(ctx, mediaType, "")
}

// ErrSize means that a blob is longer or shorter than announced.
var ErrSize = errors.New("wrong size")

// Copy stores what r holds as desc: exactly its size and digest.
func (s *Store) Copy(ctx context.Context, desc ocispec.Descriptor, r io.Reader) error {
	w, err := s.Create(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := io.Copy(w, io.LimitReader(r, desc.Size+1)); err != nil {
		return err
	}
	if w.Size() != desc.Size {
		return fmt.Errorf("store blob %s: %w: %d bytes instead of %d", desc.Digest, ErrSize, w.Size(), desc.Size)
	}
	_, err = w.Commit(ctx, desc.MediaType, desc.Digest)
	return err
}

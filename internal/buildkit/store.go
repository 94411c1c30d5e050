package buildkit

import (
	"context"
	"fmt"
	"os"

	containerd "github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// store lets a daemon read blobs of the cache. It cannot change anything.
type store struct{ s *content.Store }

var _ containerd.Store = store{}

func (s store) Info(ctx context.Context, d digest.Digest) (containerd.Info, error) {
	f, err := s.open(ctx, ocispec.Descriptor{Digest: d})
	if err != nil {
		return containerd.Info{}, err
	}
	defer f.Close()
	return containerd.Info{Digest: d, Size: f.Size()}, nil
}

func (s store) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (containerd.ReaderAt, error) {
	return s.open(ctx, desc)
}

func (s store) open(ctx context.Context, desc ocispec.Descriptor) (blob, error) {
	f, err := s.s.Reader(ctx, desc)
	if err != nil {
		return blob{}, fmt.Errorf("%w: %w", errdefs.ErrNotFound, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return blob{}, err
	}
	return blob{f, info.Size()}, nil
}

type blob struct {
	*os.File
	size int64
}

func (b blob) Size() int64 { return b.size }

var errReadOnly = fmt.Errorf("the cache is only read: %w", errdefs.ErrNotImplemented)

func (store) Update(context.Context, containerd.Info, ...string) (containerd.Info, error) {
	return containerd.Info{}, errReadOnly
}
func (store) Walk(context.Context, containerd.WalkFunc, ...string) error { return errReadOnly }
func (store) Delete(context.Context, digest.Digest) error                { return errReadOnly }
func (store) Status(context.Context, string) (containerd.Status, error) {
	return containerd.Status{}, errReadOnly
}
func (store) ListStatuses(context.Context, ...string) ([]containerd.Status, error) {
	return nil, errReadOnly
}
func (store) Abort(context.Context, string) error { return errReadOnly }
func (store) Writer(context.Context, ...containerd.WriterOpt) (containerd.Writer, error) {
	return nil, errReadOnly
}

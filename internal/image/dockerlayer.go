package image

import (
	"context"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// dockerLayerName is the name of a layer in a docker archive.
func dockerLayerName(d ocispec.Descriptor) string {
	if isZstd(d) {
		return d.Digest.Encoded() + ".tar"
	}
	return d.Digest.Encoded() + ".tar.gz"
}

func isZstd(d ocispec.Descriptor) bool { return strings.HasSuffix(d.MediaType, "+zstd") }

// dockerLayer writes a layer as it is, but one compressed with zstd plain:
// docker reads that only since version 23. It is read twice, as the size comes
// before the content.
func (a *archive) dockerLayer(ctx context.Context, d ocispec.Descriptor) {
	if !isZstd(d) {
		a.blob(ctx, dockerLayerName(d), d)
		return
	}
	var size int64
	a.unpacked(ctx, d, func(r io.Reader) {
		size, a.err = io.Copy(io.Discard, r)
	})
	a.unpacked(ctx, d, func(r io.Reader) {
		a.content(dockerLayerName(d), size, r)
	})
}

// unpacked calls fn with the content of a layer, unless there was an error.
func (a *archive) unpacked(ctx context.Context, d ocispec.Descriptor, fn func(io.Reader)) {
	if a.err != nil {
		return
	}
	r, err := a.image.store.Verified(ctx, d)
	if err != nil {
		a.err = err
		return
	}
	defer r.Close()
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderConcurrency(1))
	if err != nil {
		a.err = err
		return
	}
	defer z.Close()
	fn(z)
}

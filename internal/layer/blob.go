package layer

import (
	"context"
	"io"
)

// Blob is one layer of an image as it is stored. In lists the lowest layer is
// first.
type Blob struct {
	// Digest names the layer in error messages.
	Digest string
	// Open returns the stored bytes: a tar archive, possibly compressed with
	// gzip or zstd, which its first bytes tell.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

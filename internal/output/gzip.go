package output

import (
	"io"

	"github.com/klauspost/pgzip"
)

// newGzipWriter compresses on all cores. The blocks are of fixed size, so the
// result does not depend on how many there are.
func newGzipWriter(w io.Writer) (io.WriteCloser, error) {
	return pgzip.NewWriterLevel(w, pgzip.DefaultCompression)
}

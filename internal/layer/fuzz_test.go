package layer

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

// FuzzFlatten feeds two layers of arbitrary bytes.
func FuzzFlatten(f *testing.F) {
	f.Add(archive(f, "dir a", "file a/b 1", "link c a/b", "symlink s t"), archive(f, "file a/.wh.b", "file .wh..wh..opq"))
	f.Add(sparseArchive(1<<20), compresstest.Gzip(f, archive(f, "file a 1")))
	f.Add(compresstest.Zstd(f, archive(f, "file a 1")), []byte{})
	limits := Limits{Entries: 1000, IndexBytes: 1 << 20}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		seen := map[string]bool{}
		opts := Options{Limits: limits}
		_ = Flatten(context.Background(), []Blob{blob(lower), blob(upper)}, opts, func(e *Entry) error {
			name := e.Header.Name
			if seen[name] || name == "" || name == root || strings.HasPrefix(name, "/") || hasDotDot(name) || strings.HasSuffix(name, "/") {
				t.Errorf("emitted %q", name)
			}
			seen[name] = true
			if e.Content != nil {
				_, err := io.Copy(io.Discard, io.LimitReader(e.Content, 1<<20))
				return err
			}
			return nil
		})
	})
}

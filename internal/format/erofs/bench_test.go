package erofs

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
)

// BenchmarkTree makes images of the directory in FSIMAGE_TREE.
func BenchmarkTree(b *testing.B) {
	root := os.Getenv("FSIMAGE_TREE")
	if root == "" {
		b.Skip("set FSIMAGE_TREE to a directory")
	}
	for _, opts := range []Options{{}, {Level: 12}, {ClusterSize: 4 << 10}, {Compression: Zstd}, {Compression: None}} {
		b.Run(fmt.Sprint(opts.Compression, opts.Level, opts.ClusterSize), func(b *testing.B) {
			for b.Loop() {
				benchTree(b, root, opts)
			}
		})
	}
}

func benchTree(b *testing.B, root string, opts Options) {
	f, err := os.Create(filepath.Join(b.TempDir(), "image"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := encoder(f, opts).NewWriter(0)
	total := int64(0)
	err = fsimagetest.Walk(root, func(e Entry, r io.Reader) error {
		total += e.Size
		return w.Add(context.Background(), e, r)
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(total)
	b.ReportMetric(float64(w.Size()), "bytes/image")
}

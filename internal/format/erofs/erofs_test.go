package erofs

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
	"github.com/linuxkit/linuxkit/internal/pkgtest"
)

func TestSuite(t *testing.T) {
	s := fsimagetest.Suite{
		Type: "erofs", Precision: time.Nanosecond, System: true, Usual: "lz4", Judge: judge,
		Variants: map[string]func(io.WriterAt, int) fsimagetest.Format{
			"lz4":      variant(Options{}),
			"lz4 4k":   variant(Options{ClusterSize: 4 << 10, Level: 3}),
			"lz4 256k": variant(Options{ClusterSize: 256 << 10, Level: 12}),
			"zstd":     variant(Options{Compression: Zstd}),
			"zstd 4k":  variant(Options{Compression: Zstd, ClusterSize: 4 << 10, Level: 1}),
			"none":     variant(Options{Compression: None}),
		},
	}
	s.Run(t)
	s.Usual = "none"
	t.Run("none", s.RunUsual)
	s.Usual = "zstd"
	t.Run("memory of zstd", s.Memory)
}

func variant(o Options) func(io.WriterAt, int) fsimagetest.Format {
	return func(w io.WriterAt, workers int) fsimagetest.Format {
		o := o
		o.Time, o.Workers = fsimagetest.Time, workers
		return encoder(w, o)
	}
}

func encoder(w fsimage.Target, o Options) fsimagetest.Format {
	return fsimagetest.Format{
		Packer: func(data, table io.Writer) *fsimage.Packer { return NewPacker(data, table, o) },
		Writer: func() *fsimage.Writer { return NewWriter(w, o) },
	}
}

// judge compares the tree with what fsck.erofs extracts.
func judge(t *testing.T, _, image string, want map[string]fsimagetest.Record) {
	if os.Getuid() != 0 {
		t.Skip("only root can extract devices and owners")
	}
	dir := filepath.Join(t.TempDir(), "tree")
	if out, err := pkgtest.Command(t, "fsck.erofs", "--extract="+dir, image).CombinedOutput(); err != nil {
		t.Fatalf("fsck.erofs: %v\n%s", err, out)
	}
	got, err := fsimagetest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	fillHoles(want, got)
	if diff := cmp.Diff(extractable(want), extractable(got)); diff != "" {
		t.Errorf("the tree differs (-want +got):\n%.4000s", diff)
	}
}

// fillHoles gives files that are one hole their size, which fsck.erofs 1.8 does
// not do when it extracts them. The kernel reads them right, see fsimagetest.
func fillHoles(want, got map[string]fsimagetest.Record) {
	for name, w := range want {
		if g, ok := got[name]; ok && g.Size == 0 && w.Size > 0 && w.Sum == fmt.Sprintf("%x", sha256.Sum256(make([]byte, w.Size))) {
			g.Size, g.Sum = w.Size, w.Sum
			got[name] = g
		}
	}
}

// extractable leaves out what fsck.erofs does not extract.
func extractable(tree map[string]fsimagetest.Record) map[string]fsimagetest.Record {
	for name, r := range tree {
		r.Mode &^= 0o7000
		r.Xattrs, r.Links, r.First = "", 0, ""
		tree[name] = r
	}
	return tree
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Compression: "lzma"}, {ClusterSize: 5000}, {ClusterSize: 512 << 10}, {ClusterSize: 2048},
		{Level: 13}, {Level: -1}, {Compression: Zstd, Level: 23},
	} {
		w := NewWriter(nil, o)
		if err := w.Close(t.Context()); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

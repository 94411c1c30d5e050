package squashfs

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
)

func TestSuite(t *testing.T) {
	s := fsimagetest.Suite{
		Type: "squashfs", Precision: time.Second, Usual: "zstd", Judge: judge,
		Variants: map[string]func(io.WriterAt, int) fsimagetest.Format{
			"zstd":         variant(Options{}),
			"zstd fast":    variant(Options{Level: 1, BlockSize: 4 << 10}),
			"zstd best":    variant(Options{Level: 19, BlockSize: 1 << 20}),
			"gzip":         variant(Options{Compression: Gzip}),
			"gzip level 1": variant(Options{Compression: Gzip, Level: 1, BlockSize: 32 << 10}),
		},
	}
	s.Run(t)
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

// judge compares the tree with what unsquashfs extracts.
func judge(t *testing.T, _, image string, want map[string]fsimagetest.Record) {
	if os.Getuid() != 0 {
		t.Skip("only root can extract devices and owners")
	}
	if _, err := exec.LookPath("unsquashfs"); err != nil {
		t.Skip("needs unsquashfs of squashfs-tools")
	}
	dir := filepath.Join(t.TempDir(), "tree")
	if out, err := exec.Command("unsquashfs", "-no-progress", "-d", dir, image).CombinedOutput(); err != nil {
		t.Fatalf("unsquashfs: %v\n%s", err, out)
	}
	got, err := fsimagetest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tree differs (-want +got):\n%.4000s", diff)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Compression: "lzma"}, {BlockSize: 5000}, {BlockSize: 2 << 20}, {BlockSize: 2048},
		{Level: 23}, {Level: -1}, {Compression: Gzip, Level: 10},
	} {
		w := NewWriter(nil, o)
		if err := w.Close(t.Context()); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

package squashfs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linuxkit/linuxkit/internal/format/fsimage/fsimagetest"
)

var someTime = time.Unix(1700000000, 0)

// write makes an image of the files.
func write(t *testing.T, opts Options, files []fsimagetest.File) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := NewWriter(f, opts)
	for _, file := range files {
		if err := w.Add(context.Background(), file.Entry, file.Reader()); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// judge compares the files with what unsquashfs extracts.
func judge(t *testing.T, image string, files []fsimagetest.File) {
	t.Helper()
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
	if diff := cmp.Diff(fsimagetest.Expect(files, time.Second, someTime), got); diff != "" {
		t.Errorf("the tree differs (-want +got):\n%.4000s", diff)
	}
}

func TestRandomTrees(t *testing.T) {
	for seed := range uint64(12) {
		opts := Options{Time: someTime, BlockSize: []int{4 << 10, 0, 1 << 20}[seed%3], Compression: []Compression{Zstd, Gzip}[seed%2]}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			files := fsimagetest.Random(seed, false)
			judge(t, write(t, opts, files), files)
		})
	}
}

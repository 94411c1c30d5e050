package erofs

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

// judge compares the files with what fsck.erofs extracts.
func judge(t *testing.T, image string, files []fsimagetest.File) {
	t.Helper()
	dir := extract(t, image)
	got, err := fsimagetest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fsimagetest.Expect(files, time.Nanosecond, someTime)
	if diff := cmp.Diff(extractable(want), extractable(got)); diff != "" {
		t.Errorf("the tree differs (-want +got):\n%.4000s", diff)
	}
}

// extractable leaves out what fsck.erofs does not extract. TestMetadata is for
// that.
func extractable(tree map[string]fsimagetest.Record) map[string]fsimagetest.Record {
	for name, r := range tree {
		r.Mode &^= 0o7000
		r.Xattrs, r.Links, r.First = "", 0, ""
		tree[name] = r
	}
	return tree
}

func extract(t *testing.T, image string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can extract devices and owners")
	}
	if _, err := exec.LookPath("fsck.erofs"); err != nil {
		t.Skip("needs fsck.erofs of erofs-utils")
	}
	dir := filepath.Join(t.TempDir(), "tree")
	out, err := exec.Command("fsck.erofs", "--extract="+dir, image).CombinedOutput()
	if err != nil {
		t.Fatalf("fsck.erofs: %v\n%s", err, out)
	}
	return dir
}

func TestRandomTrees(t *testing.T) {
	for seed := range uint64(12) {
		opts := Options{Time: someTime, ClusterSize: []int{4 << 10, 0, 256 << 10}[seed%3], Compression: []Compression{LZ4, None}[seed%2]}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			files := fsimagetest.Random(seed, true)
			judge(t, write(t, opts, files), files)
		})
	}
}

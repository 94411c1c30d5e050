//go:build unix

package disk

import (
	"context"
	"syscall"
	"testing"
)

func TestWriteFileIsSparse(t *testing.T) {
	im, err := New(2<<40, Bytes(0, []byte("begin")), Bytes(2<<40-3, []byte("end")))
	if err != nil {
		t.Fatal(err)
	}
	f := file(t, nil)
	if err := im.WriteFile(context.Background(), f); err != nil {
		t.Skipf("file system takes no file of 2 TiB: %v", err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() != 2<<40 {
		t.Fatalf("%v, %v", info, err)
	}
	if blocks := info.Sys().(*syscall.Stat_t).Blocks; blocks > 1<<16 {
		t.Errorf("file takes %d sectors", blocks)
	}
}

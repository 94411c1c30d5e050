package content

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// makeReadOnly makes a directory unwritable until the test ends, also for
// root.
func makeReadOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o755) })
		return
	}
	mount(t, dir, dir, "", unix.MS_BIND, "")
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, source, dir, fstype string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, dir, fstype, flags, data); err != nil {
		t.Skipf("mounting needs root and the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=1m")
	s, ctx := openStore(t, dir), t.Context()
	small := mustPutImage(t, s, "small")
	if err := s.Tag(ctx, "x.io/small:1", small); err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(w, io.LimitReader(zeros{}, 4<<20))
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("writing 4 MiB to a disk of 1 MiB: %v", err)
	}
	// The disk is still full: names must not be lost when the index cannot be
	// written.
	if err := s.Tag(ctx, "x.io/other:1", small); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Tag on a full disk: %v", err)
	}
	w.Close()
	if all := checkWhole(t, s); len(all) != 1 {
		t.Errorf("entries: %v", all)
	}
	if left := files(t, s, ingestDir); len(left) != 0 {
		t.Errorf("left in the ingest directory: %q", left)
	}
	if err := s.Tag(ctx, "x.io/other:1", mustPutImage(t, s, "fits again")); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

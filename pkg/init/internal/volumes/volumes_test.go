package volumes

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func volume(t *testing.T, base, name string, dirs ...string) string {
	t.Helper()
	for _, d := range dirs {
		if err := os.MkdirAll(filepath.Join(base, name, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(base, name)
}

func TestPlan(t *testing.T) {
	base := t.TempDir()
	rw := volume(t, base, "rw", "lower", "merged", "tmp")
	calls, dirs, err := plan(rw)
	want := []call{
		{"tmpfs", rw + "/tmp", "tmpfs", unix.MS_RELATIME, ""},
		{"overlay", rw + "/merged", "overlay", unix.MS_RELATIME, "lowerdir=" + rw + "/lower,upperdir=" + rw + "/tmp/upper,workdir=" + rw + "/tmp/work"},
	}
	if err != nil || !reflect.DeepEqual(calls, want) || !reflect.DeepEqual(dirs, []string{rw + "/tmp/upper", rw + "/tmp/work"}) {
		t.Errorf("read-write: %v, %v, %v", calls, dirs, err)
	}
	ro := volume(t, base, "ro", "lower", "merged")
	calls, dirs, err = plan(ro)
	want = []call{
		{ro + "/lower", ro + "/merged", "", unix.MS_BIND, ""},
		{"", ro + "/merged", "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY, ""},
	}
	if err != nil || !reflect.DeepEqual(calls, want) || dirs != nil {
		t.Errorf("read-only: %v, %v, %v", calls, dirs, err)
	}
	for _, dirs := range [][]string{{"lower"}, {"merged", "tmp"}, {"x"}} {
		if _, _, err := plan(volume(t, t.TempDir(), "bad", dirs...)); err == nil {
			t.Errorf("%v is taken for a volume", dirs)
		}
	}
}

func TestNoVolumes(t *testing.T) {
	if err := Mount(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := Mount(t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestMountGoesOn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	runtime.LockOSThread() // and never unlock: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	base := t.TempDir()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("no private mounts: %v", err)
	}
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, ""); err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	defer func() { _ = unix.Unmount(base, unix.MNT_DETACH) }()
	volume(t, base, "a-bad", "lower")
	volume(t, base, "b-ro", "lower/content", "merged")
	err := Mount(base)
	if err == nil || !strings.Contains(err.Error(), "a-bad") || strings.Contains(err.Error(), "b-ro") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(filepath.Join(base, "b-ro/merged/content")); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(base, "b-ro/merged/x"), 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("write to a read-only volume: %v", err)
	}
}

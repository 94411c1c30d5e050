package bundle

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace gives the test a mount namespace of its own, or skips it.
func inNamespace(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	runtime.LockOSThread() // and never unlock: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("no private mounts: %v", err)
	}
}

func TestPrepareAndRelease(t *testing.T) {
	inNamespace(t)
	base := t.TempDir()
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, ""); err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	defer func() { _ = unix.Unmount(base, unix.MNT_DETACH) }()
	dir := filepath.Join(base, "bundle")
	for _, d := range []string{"rootfs", "tmp", "lower/etc"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, []byte("bound"), 0o644); err != nil {
		t.Fatal(err)
	}
	rt := &Runtime{
		Mounts: []Mount{
			{Destination: dir + "/tmp", Type: "tmpfs", Source: "tmpfs"},
			{Destination: dir + "/tmp", Options: []string{"remount", "private"}},
			{Destination: dir + "/rootfs", Type: "tmpfs", Source: "tmpfs", Options: []string{"shared"}},
			{Destination: "data", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "size=1m"}},
			{Destination: "etc/file", Source: file, Options: []string{"bind", "ro"}},
		},
		Mkdir: []string{"data/sub"},
	}
	if warnings, err := rt.Prepare(dir); warnings != nil || err != nil {
		t.Fatal(warnings, err)
	}
	if raw, err := os.ReadFile(dir + "/rootfs/etc/file"); err != nil || string(raw) != "bound" {
		t.Errorf("bound file: %q, %v", raw, err)
	}
	if err := os.WriteFile(dir+"/rootfs/etc/file", nil, 0o644); err == nil {
		t.Error("a bind with ro can be written to")
	}
	if info, err := os.Stat(dir + "/rootfs/data/sub"); err != nil || !info.IsDir() {
		t.Errorf("directory inside a mount: %v", err)
	}
	if table := mounts(t); !strings.Contains(table, dir+"/rootfs rw,relatime shared:") || strings.Contains(table, dir+"/tmp rw,relatime shared:") {
		t.Errorf("propagation: %s", table)
	}
	Release(dir)
	if table := mounts(t); strings.Contains(table, dir) {
		t.Errorf("still mounted: %s", table)
	}
}

func mounts(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestBindNamespace(t *testing.T) {
	inNamespace(t)
	path := filepath.Join(t.TempDir(), "deep/net")
	if err := bindNamespace(os.Getpid(), "net", path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(path, unix.MNT_DETACH) }()
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		t.Errorf("type %#x, %v", fs.Type, err)
	}
	if err := bindNamespace(os.Getpid(), "nosuch", path+"2"); err == nil {
		t.Error("an unknown namespace is bound")
	}
}

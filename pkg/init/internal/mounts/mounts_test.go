package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The table is the contract with images; a change here is a change of that.
func TestTable(t *testing.T) {
	const relatime = unix.MS_RELATIME
	want := map[string]Mount{
		"/proc":                     {Source: "proc", Type: "proc", Flags: locked | relatime},
		"/run":                      {Source: "tmpfs", Type: "tmpfs", Flags: locked | relatime, Data: "size=10%,mode=755"},
		"/tmp":                      {Source: "tmpfs", Type: "tmpfs", Flags: locked | relatime, Data: "size=10%,mode=1777"},
		"/var":                      {Source: "tmpfs", Type: "tmpfs", Flags: locked | relatime, Data: "size=50%,mode=755"},
		"/dev":                      {Source: "dev", Type: "devtmpfs", Flags: nosuid | noexec | relatime, Data: "size=10m,nr_inodes=248418,mode=755"},
		"/dev/pts":                  {Source: "devpts", Type: "devpts", Flags: nosuid | noexec, Data: "gid=5,mode=0620"},
		"/dev/shm":                  {Source: "shm", Type: "tmpfs", Flags: locked, Data: "mode=1777"},
		"/sys/fs/bpf":               {Source: "bpffs", Type: "bpf", Flags: nodev, Optional: true},
		"/sys/fs/selinux":           {Source: "selinuxfs", Type: "selinuxfs", Flags: noexec | nosuid, Optional: true},
		"/proc/sys/fs/binfmt_misc":  {Source: "binfmt_misc", Type: "binfmt_misc", Flags: locked, Optional: true},
		"/sys/firmware/efi/efivars": {Source: "efivarfs", Type: "efivarfs", Flags: locked, Optional: true},
	}
	place := map[string]int{}
	all := append(append(append([]Mount{Proc}, Volatile...), Dev), Kernel...)
	for i, m := range all {
		place[m.Target] = i
		if w, ok := want[m.Target]; ok {
			w.Target = m.Target
			if m != w {
				t.Errorf("%+v, want %+v", m, w)
			}
			delete(want, m.Target)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in the table: %v", want)
	}
	for _, m := range all {
		parent := filepath.Dir(m.Target)
		if p, ok := place[parent]; ok && p > place[m.Target] {
			t.Errorf("%s comes before %s", m.Target, parent)
		}
	}
}

func TestAllGoesOn(t *testing.T) {
	broken := errors.New("broken")
	var done []string
	err := all([]Mount{{Target: "/a", Type: "x"}, {Target: "/b", Type: "x", Optional: true}, {Target: "/c", Type: "missing", Optional: true}, {Target: "/d", Type: "missing"}},
		map[string]bool{"x": true}, func(m Mount) error { done = append(done, m.Target); return broken })
	if !reflect.DeepEqual(done, []string{"/a", "/b", "/d"}) {
		t.Errorf("mounted %v", done)
	}
	if !errors.Is(err, broken) || strings.Count(err.Error(), "broken") != 2 {
		t.Errorf("error %v, want those of /a and /d", err)
	}
}

func TestFillVar(t *testing.T) {
	dir := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for range 2 { // what exists is fine
		if err := FillVar(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"tmp": 0o777 | os.ModeSticky, "empty": 0o555, "log": 0o755} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() &^ os.ModeDir; got != mode {
			t.Errorf("%s has mode %v, want %v", name, got, mode)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "run")); target != "/run" {
		t.Errorf("run -> %q, %v", target, err)
	}
}

func TestFillDev(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making device nodes takes root")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tty1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := FillDev(dir); errors.Is(err, unix.EPERM) {
		t.Skip("making device nodes is not permitted here")
	} else if err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "kmsg"), &s); err != nil {
		t.Fatal(err)
	}
	if s.Mode != unix.S_IFCHR|0o660 || s.Rdev != unix.Mkdev(1, 11) {
		t.Errorf("kmsg has mode %o, number %x", s.Mode, s.Rdev)
	}
	if info, err := os.Lstat(filepath.Join(dir, "tty1")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("what existed was replaced: %v %v", info, err)
	}
}

func TestParseControllers(t *testing.T) {
	text := "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\nmemory\t0\t50\t0\npids\t0\t1\t1\nshort\t1\n\n"
	if got := parseControllers(text); !reflect.DeepEqual(got, []string{"cpuset", "pids"}) {
		t.Errorf("controllers %v", got)
	}
}

func TestParseTypes(t *testing.T) {
	got := parseTypes("nodev\tsysfs\n\text4\nnonsense\n\t\n")
	if !reflect.DeepEqual(got, map[string]bool{"sysfs": true, "ext4": true}) {
		t.Errorf("types %v", got)
	}
}

func TestLate(t *testing.T) {
	for module, target := range map[string]string{
		"fuse":        "/sys/fs/fuse/connections",
		"configfs":    "/sys/kernel/config",
		"binfmt_misc": "/proc/sys/fs/binfmt_misc",
	} {
		if got := Late(module); len(got) != 1 || got[0].Target != target {
			t.Errorf("Late(%q) = %+v", module, got)
		}
	}
	for _, module := range []string{"tmpfs", "virtio_net", ""} {
		if got := Late(module); got != nil {
			t.Errorf("Late(%q) = %+v", module, got)
		}
	}
}

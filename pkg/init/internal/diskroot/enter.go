package diskroot

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/hotplug"
	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/modules"
	"github.com/linuxkit/linuxkit/pkg/init/internal/mounts"
)

// at is where the root is mounted first.
const at = "/newroot"

// Wanted tells whether the files in memory are only there to mount the root:
// then they bring no /sbin/init.
func Wanted() bool {
	_, err := os.Lstat("/sbin/init")
	return errors.Is(err, fs.ErrNotExist)
}

// Enter mounts the root, frees the memory that the initramfs takes, and becomes
// the root's init, with the given arguments. It returns only if that fails.
func Enter(args []string) error {
	if err := mountInterfaces(); err != nil {
		return err
	}
	line, err := kcmd.Read()
	if err != nil {
		return err
	}
	s, err := ParseSpec(line)
	if err != nil {
		return err
	}
	if err := mountRoot(s, line); err != nil {
		return err
	}
	if _, err := os.Lstat(at + s.Init); err != nil {
		return fmt.Errorf("the root on %s has no %s", s.Device, s.Init)
	}
	if err := move(); err != nil {
		return err
	}
	err = unix.Exec(s.Init, append([]string{s.Init}, args...), os.Environ())
	return &os.PathError{Op: "execute", Path: s.Init, Err: err}
}

// interfaces are the file systems of the kernel that it takes to find a device.
var interfaces = []mounts.Mount{
	mounts.Proc,
	{Source: "sysfs", Target: "/sys", Type: "sysfs"},
	{Source: "dev", Target: "/dev", Type: "devtmpfs"},
}

func mountInterfaces() error {
	for _, m := range interfaces {
		if err := os.Mkdir(m.Target, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		// The kernel may have mounted /dev already.
		if err := m.Do(); err != nil && !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return os.Mkdir(at, 0o755)
}

func mountRoot(s Spec, line kcmd.Line) error {
	path, super, err := wait(s, line)
	if err != nil {
		return err
	}
	kind := s.Type
	if kind == "" {
		kind = super.Type
	}
	if kind == "" {
		return fmt.Errorf("there is no file system on %s that is known here: say its type with rootfstype=", path)
	}
	if !mounts.HasType(kind) {
		// What fails here shows by the mount failing.
		if db, err := modules.Open(line); err == nil {
			_ = db.Probe("fs-" + kind)
		}
	}
	if err := unix.Mount(path, at, kind, unix.MS_RDONLY, s.Options); err != nil {
		return fmt.Errorf("mount the root, %s on %s: %w", kind, path, err)
	}
	return nil
}

// step is how long to wait for something to happen before looking again.
const step = 50 * time.Millisecond

// wait loads drivers until the device is there.
func wait(s Spec, line kcmd.Line) (string, Super, error) {
	devices, err := hotplug.New(line)
	if err != nil {
		return "", Super{}, err
	}
	if err := devices.Cold(); err != nil {
		log.Print(err)
	}
	f := finder{root: "/"}
	start, told := time.Now(), false
	for {
		path, super, err := f.find(s.Device)
		if !errors.Is(err, errAbsent) {
			return path, super, err
		}
		passed := time.Since(start)
		if s.Wait > 0 && passed > s.Wait {
			return "", Super{}, fmt.Errorf("the root, root=%s, did not appear within %v: %w; devices: %s", s.Device, s.Wait, err, strings.Join(f.names(), " "))
		}
		if passed > patience/6 && !told {
			told = true
			log.Printf("waiting for the root, root=%s", s.Device)
		}
		devices.Serve(step)
	}
}

// move makes the new root the root and removes the files of the old one.
func move() error {
	for i := len(interfaces) - 1; i >= 0; i-- {
		if err := unix.Unmount(interfaces[i].Target, unix.MNT_DETACH); err != nil {
			return &os.PathError{Op: "unmount", Path: interfaces[i].Target, Err: err}
		}
	}
	if err := empty("/"); err != nil {
		return fmt.Errorf("free the initramfs: %w", err)
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"enter the new root", func() error { return unix.Chdir(at) }},
		{"move the new root over the old one", func() error { return unix.Mount(".", "/", "", unix.MS_MOVE, "") }},
		{"change the root", func() error { return unix.Chroot(".") }},
		{"enter the root", func() error { return unix.Chdir("/") }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// empty removes what is in a directory, but nothing on other file systems.
func empty(dir string) error {
	var own unix.Stat_t
	if err := unix.Lstat(dir, &own); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if st.Dev != own.Dev {
			continue
		}
		if e.IsDir() {
			if err := empty(path); err != nil {
				return err
			}
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

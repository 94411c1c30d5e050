package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where the control groups of the system are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// Rootfs is the root of the container of a bundle.
func Rootfs(dir string) string { return filepath.Join(dir, "rootfs") }

// Prepare makes mounts, directories and control groups, in this order. Control
// groups that cannot be made are returned as warnings, joined.
func (rt *Runtime) Prepare(dir string) (warnings, err error) {
	root := Rootfs(dir)
	for _, m := range rt.Mounts {
		if err := m.do(root); err != nil {
			return nil, err
		}
	}
	for _, path := range rt.Mkdir {
		if err := makeDir(root, path); err != nil {
			return nil, err
		}
	}
	for _, name := range rt.Cgroups {
		warnings = errors.Join(warnings, makeCgroup(cgroupRoot, name))
	}
	return warnings, nil
}

// do makes the target of a mount and mounts.
func (m Mount) do(root string) error {
	o := parseOptions(m.Options)
	for _, path := range o.dirs {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("mount on %s: %w", m.Destination, err)
		}
	}
	for _, c := range m.calls(o) {
		if err := c.do(root, m); err != nil {
			return err
		}
	}
	return nil
}

// do opens the target anew: a call after the first means the new mount there.
func (c call) do(root string, m Mount) error {
	t, err := m.target(root)
	if err != nil {
		return err
	}
	defer t.close()
	if err := unix.Mount(c.source, t.path(), c.fstype, c.flags, c.data); err != nil {
		return fmt.Errorf("mount %s %s on %s with flags %#x, options %q: %w", c.fstype, c.source, t.name, c.flags, c.data, err)
	}
	return nil
}

// target makes and opens the place of the mount: a file for a bind of a file, a
// directory for everything else.
func (m Mount) target(root string) (target, error) {
	base, path := within(root, m.Destination)
	if bindsFile(m) {
		return createIn(base, path)
	}
	return mkdirIn(base, path)
}

func bindsFile(m Mount) bool {
	if parseOptions(m.Options).flags&(unix.MS_BIND|unix.MS_REMOUNT) != unix.MS_BIND {
		return false
	}
	info, err := os.Stat(m.Source)
	return err == nil && !info.IsDir()
}

// within says below which directory a path is to be resolved: paths of the
// container in its root, all others in that of the system.
func within(root, path string) (base, rest string) {
	if !filepath.IsAbs(path) {
		return root, path
	}
	path = filepath.Clean(path)
	if rest, ok := strings.CutPrefix(path, root+"/"); ok {
		return root, rest
	}
	return "/", path
}

func makeDir(root, path string) error {
	base, rest := within(root, path)
	t, err := mkdirIn(base, rest)
	if err != nil {
		return err
	}
	t.close()
	return nil
}

// makeCgroup makes a control group: one directory in the unified hierarchy, one
// below every controller in the old ones.
func makeCgroup(base, name string) error {
	if _, err := os.Stat(filepath.Join(base, "cgroup.controllers")); err == nil {
		return makeDir(base, name)
	}
	controllers, err := os.ReadDir(base)
	if err != nil {
		return fmt.Errorf("make the control group %s: %w", name, err)
	}
	var failed error
	for _, c := range controllers {
		if c.IsDir() {
			failed = errors.Join(failed, makeDir(filepath.Join(base, c.Name()), name))
		}
	}
	return failed
}

// Release unmounts what a finished container no longer needs: its root and the
// file system that held its changes. What else was mounted belongs to the
// system from then on.
func Release(dir string) {
	_ = unix.Unmount(Rootfs(dir), unix.MNT_DETACH)
	_ = unix.Unmount(filepath.Join(dir, "tmp"), unix.MNT_DETACH)
}

// Package mounts makes the file systems of a running system: the table of what
// is mounted where, the directories of /var, the nodes of /dev and the control
// groups.
//
// It decides nothing about order against other steps of the boot; a failure is
// returned and left to the caller, who goes on booting.
package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	nodev  = unix.MS_NODEV
	nosuid = unix.MS_NOSUID
	noexec = unix.MS_NOEXEC
	locked = nodev | nosuid | noexec
)

// Mount is one mount(2).
type Mount struct {
	Source, Target, Type string
	Flags                uintptr
	Data                 string
	// Optional means that not every kernel or machine has this, so that
	// failing is no news. An optional mount never loads a module for its sake.
	Optional bool
}

// Root are the points in the root that must exist before it is read-only.
var Root = []string{"/dev", "/mnt", "/proc", "/run", "/sys", "/tmp", "/var"}

// Proc comes first: the rest of the boot reads it.
var Proc = Mount{Source: "proc", Target: "/proc", Type: "proc", Flags: locked | unix.MS_RELATIME}

// Volatile are the writable parts of a read-only system.
var Volatile = []Mount{
	{Source: "tmpfs", Target: "/run", Type: "tmpfs", Flags: locked | unix.MS_RELATIME, Data: "size=10%,mode=755"},
	{Source: "tmpfs", Target: "/tmp", Type: "tmpfs", Flags: locked | unix.MS_RELATIME, Data: "size=10%,mode=1777"},
	{Source: "tmpfs", Target: "/var", Type: "tmpfs", Flags: locked | unix.MS_RELATIME, Data: "size=50%,mode=755"},
}

// Dev is the file system of the device nodes.
var Dev = Mount{Source: "dev", Target: "/dev", Type: "devtmpfs", Flags: nosuid | noexec | unix.MS_RELATIME, Data: "size=10m,nr_inodes=248418,mode=755"}

// Kernel are the interfaces of the kernel, in the order in which they nest.
var Kernel = []Mount{
	{Source: "mqueue", Target: "/dev/mqueue", Type: "mqueue", Flags: locked},
	{Source: "shm", Target: "/dev/shm", Type: "tmpfs", Flags: locked, Data: "mode=1777"},
	{Source: "devpts", Target: "/dev/pts", Type: "devpts", Flags: noexec | nosuid, Data: "gid=5,mode=0620"},
	{Source: "sysfs", Target: "/sys", Type: "sysfs", Flags: locked},
	{Source: "securityfs", Target: "/sys/kernel/security", Type: "securityfs", Flags: locked, Optional: true},
	{Source: "debugfs", Target: "/sys/kernel/debug", Type: "debugfs", Flags: locked, Optional: true},
	{Source: "configfs", Target: "/sys/kernel/config", Type: "configfs", Flags: locked, Optional: true},
	{Source: "fusectl", Target: "/sys/fs/fuse/connections", Type: "fusectl", Flags: locked, Optional: true},
	{Source: "selinuxfs", Target: "/sys/fs/selinux", Type: "selinuxfs", Flags: noexec | nosuid, Optional: true},
	{Source: "pstore", Target: "/sys/fs/pstore", Type: "pstore", Flags: locked, Optional: true},
	{Source: "bpffs", Target: "/sys/fs/bpf", Type: "bpf", Flags: nodev, Optional: true},
	{Source: "efivarfs", Target: "/sys/firmware/efi/efivars", Type: "efivarfs", Flags: locked, Optional: true},
	{Source: "binfmt_misc", Target: "/proc/sys/fs/binfmt_misc", Type: "binfmt_misc", Flags: locked, Optional: true},
}

// Do mounts m.
func (m Mount) Do() error {
	if err := unix.Mount(m.Source, m.Target, m.Type, m.Flags, m.Data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.Type, m.Target, err)
	}
	return nil
}

// All mounts a list in order and returns what failed, joined. Optional mounts
// whose type the kernel does not have at the moment are left out.
func All(list []Mount) error {
	return all(list, kernelTypes(), Mount.Do)
}

func all(list []Mount, types map[string]bool, do func(Mount) error) error {
	var failed []error
	for _, m := range list {
		if m.Optional && !types[m.Type] {
			continue
		}
		if err := do(m); err != nil && !m.Optional {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// MakeRoot creates the mount points of the root. On a read-only root they have
// to exist already, and an error says nothing that the mounts will not say.
func MakeRoot() {
	for _, dir := range Root {
		_ = os.Mkdir(dir, 0o755)
	}
}

// Seal makes the root read-only.
func Seal() error {
	err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
	if err != nil {
		// Something is open for writing: at least this way to it is closed.
		err = unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	return err
}

// Share makes all mounts propagate to the namespaces made from this one.
func Share() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make the mounts shared: %w", err)
	}
	return nil
}

type dir struct {
	path string
	mode uint32
}

var varDirs = []dir{
	{"cache", 0o755}, {"empty", 0o555}, {"lib", 0o755}, {"local", 0o755}, {"lock", 0o755},
	{"log", 0o755}, {"opt", 0o755}, {"spool", 0o755}, {"tmp", 0o1777},
}

// FillVar makes the standard directories below root, the directory /var.
func FillVar(root string) error {
	failed := makeDirs(root, varDirs)
	if err := os.Symlink("/run", filepath.Join(root, "run")); err != nil && !errors.Is(err, os.ErrExist) {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// makeDirs gives every directory its exact mode, whatever the umask.
func makeDirs(root string, dirs []dir) (failed []error) {
	for _, d := range dirs {
		path := filepath.Join(root, d.path)
		if err := os.Mkdir(path, 0o755); err != nil {
			if !errors.Is(err, os.ErrExist) {
				failed = append(failed, err)
			}
			continue
		}
		if err := unix.Chmod(path, d.mode); err != nil {
			failed = append(failed, &os.PathError{Op: "chmod", Path: path, Err: err})
		}
	}
	return failed
}

// Package setup does the small steps of a boot: clock, loopback, limits, host
// name, resolv.conf, and running a directory of programs.
package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits raises the limits that every process of the system inherits.
func Limits() error {
	// The syscall package keeps, for children, the limit of files it began
	// with, unless it is changed through it.
	files := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("set the limit of open files: %w", err)
	}
	unlimited := ^uint64(0)
	processes := unix.Rlimit{Cur: unlimited, Max: unlimited}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &processes); err != nil {
		return fmt.Errorf("set the limit of processes: %w", err)
	}
	return nil
}

// Hostname names the system: what /etc/hostname says, or else, when it has no
// name yet, linuxkit- and the hardware address of eth0.
func Hostname() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("ask for the host name: %w", err)
	}
	name := hostname("/", unix.ByteSliceToString(u.Nodename[:]))
	if name == "" {
		return nil
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name to %q: %w", name, err)
	}
	return nil
}

// hostname returns the name to set, "" to leave the current one.
func hostname(root, current string) string {
	if text, err := os.ReadFile(filepath.Join(root, "etc/hostname")); err == nil {
		if name := strings.TrimSpace(string(text)); name != "" {
			return name
		}
	}
	if current != "" && current != "(none)" {
		return ""
	}
	mac, err := os.ReadFile(filepath.Join(root, "sys/class/net/eth0/address"))
	if err != nil {
		return ""
	}
	return "linuxkit-" + strings.ReplaceAll(strings.TrimSpace(string(mac)), ":", "")
}

// ResolvConf makes the file that a symbolic link at path names, empty and
// readable for all, so that it can be bound before anything has written it.
func ResolvConf(path string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return nil // a file, or nothing: as the image wants it
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Programs returns what there is to run in a directory: everything that is a
// regular file in the end, by name.
func Programs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var programs []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			programs = append(programs, path)
		}
	}
	return programs, err
}

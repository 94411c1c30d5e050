package qemu

import (
	"errors"
	"fmt"
	"os/exec"
)

// ErrNotInstalled means that a program that is needed is not installed.
var ErrNotInstalled = errors.New("not installed")

// findBinary finds QEMU for the guest's architecture.
func (c Config) findBinary() (string, error) {
	name, named := "qemu-system-"+c.Arch, false
	if c.Binary != "" {
		name, named = c.Binary, true
	}
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, nil
	case named:
		return "", fmt.Errorf("QEMU given with --qemu: %w", err)
	}
	return "", fmt.Errorf("%s: %w; install QEMU (Debian: apt install %s) or name it with --qemu", name, ErrNotInstalled, machines[c.Arch].packages)
}

// findImageTool finds the program that makes disks.
func findImageTool() (string, error) {
	path, err := exec.LookPath("qemu-img")
	if err != nil {
		return "", fmt.Errorf("qemu-img, to create a disk: %w; install it (Debian: apt install qemu-utils) or use format=raw", ErrNotInstalled)
	}
	return path, nil
}

// virtiofsdPlaces is where distributions put virtiofsd; it is rarely in the PATH.
var virtiofsdPlaces = []string{"virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"}

// findVirtiofsd finds the program that serves shared directories.
func (c Config) findVirtiofsd() (string, error) {
	if c.Virtiofsd != "" {
		path, err := exec.LookPath(c.Virtiofsd)
		if err != nil {
			return "", fmt.Errorf("virtiofsd given with --virtiofsd: %w", err)
		}
		return path, nil
	}
	for _, place := range virtiofsdPlaces {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("virtiofsd, to share a directory: %w; install it (Debian: apt install virtiofsd) or name it with --virtiofsd", ErrNotInstalled)
}

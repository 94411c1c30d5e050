package qemu

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/vm"
)

// drive is a disk as QEMU gets it.
type drive struct {
	path     string
	format   string // empty: QEMU finds out, and protects itself from the guest
	readOnly bool
	boot     bool // the firmware starts from it
	cd       bool // a CD that a PC boots from
	create   int  // size in MiB of the file to make first; 0: it exists
}

// defaultFormat is that of a new disk.
const defaultFormat = "qcow2"

// bootDrives are the drives that the image itself is, first in the guest.
func bootDrives(img vm.Image, arch string) []drive {
	switch img.Boot {
	case vm.BootSquashfs, vm.BootErofs:
		return []drive{{path: img.Root(), format: "raw", readOnly: true}}
	case vm.BootISO:
		return []drive{{path: img.Path, format: "raw", readOnly: true, boot: true, cd: arch == "x86_64"}}
	case vm.BootDisk:
		return []drive{{path: img.Path, format: formatOfName(img.Path), boot: true}}
	}
	return nil
}

// userDrives are the disks asked for.
func userDrives(disks []vm.Disk, s *vm.State) ([]drive, error) {
	var drives []drive
	for i, d := range disks {
		next, err := userDrive(d, i, s)
		if err != nil {
			return nil, err
		}
		drives = append(drives, next)
	}
	return drives, nil
}

func userDrive(d vm.Disk, i int, s *vm.State) (drive, error) {
	path := d.Path
	if path == "" {
		path = s.Path(diskName(i))
	}
	fi, err := os.Stat(path)
	switch {
	case err == nil && fi.IsDir():
		return drive{}, fmt.Errorf("disk %s: is a directory", path)
	case err == nil && d.Format != "":
		return drive{path: path, format: d.Format}, nil
	case err == nil:
		format, err := probeFormat(path)
		return drive{path: path, format: format}, err
	case !errors.Is(err, fs.ErrNotExist):
		return drive{}, fmt.Errorf("disk: %w", err)
	case d.SizeMB == 0:
		return drive{}, fmt.Errorf("disk %s: does not exist; give its size to create it, as in --disk %s,size=1G", path, path)
	}
	return drive{path: path, format: cmp.Or(d.Format, defaultFormat), create: d.SizeMB}, nil
}

func diskName(i int) string {
	if i == 0 {
		return "disk.img"
	}
	return fmt.Sprintf("disk%d.img", i)
}

// formatOfName trusts the name only: the content of a disk is the guest's.
func formatOfName(path string) string {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".qcow2", ".vmdk", ".vhdx":
		return ext[1:]
	case ".vhd":
		return "vpc"
	case ".img", ".raw":
		return "raw"
	}
	return ""
}

// probeFormat recognizes qcow2, which is what disks without a format are
// created as. It never answers raw: a guest could write the header of another
// format there, and QEMU prevents that only where it has found out itself.
func probeFormat(path string) (string, error) {
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".img" && ext != ".raw" && formatOfName(path) != "" {
		return formatOfName(path), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("disk: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err == nil && bytes.Equal(magic, []byte("QFI\xfb")) {
		return "qcow2", nil
	}
	return "", nil
}

// createAll makes the files of drives that do not exist.
func createAll(ctx context.Context, drives []drive) error {
	for _, d := range drives {
		if d.create == 0 {
			continue
		}
		progress.Infof(ctx, "Creating disk %s (%s, %d MB)", d.path, d.format, d.create)
		if err := d.createFile(ctx); err != nil {
			return fmt.Errorf("creating disk %s: %w", d.path, err)
		}
	}
	return nil
}

func (d drive) createFile(ctx context.Context) error {
	if d.format == "raw" {
		return createSparse(d.path, int64(d.create)<<20)
	}
	tool, err := findImageTool()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, tool, "create", "-f", d.format, operand(d.path), fmt.Sprintf("%dM", d.create)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// operand keeps a path from being taken for an option.
func operand(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}

func createSparse(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		os.Remove(path)
		return err
	}
	return nil
}

package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Boot says how an image is started.
type Boot string

// The ways to boot.
const (
	BootDetect   Boot = ""
	BootKernel   Boot = "kernel+initrd"
	BootSquashfs Boot = "kernel+squashfs"
	BootErofs    Boot = "kernel+erofs"
	BootISO      Boot = "iso"
	BootDisk     Boot = "disk"
)

// roots are what goes with a kernel, by the end of its name; what comes first
// is preferred.
var roots = []struct {
	boot   Boot
	suffix string
}{{BootKernel, "-initrd.img"}, {BootSquashfs, "-squashfs.img"}, {BootErofs, "-erofs.img"}}

// ErrNoImage means that a path names nothing that can be started.
var ErrNoImage = errors.New("no such image")

// Image is something to boot: the files that `build` made, or a disk.
type Image struct {
	Boot   Boot
	Path   string // as given
	Prefix string // what other names derive from: Path, without ".iso" of an ISO
}

// Detect finds out what path is. A want other than BootDetect is kept, and its
// files have to exist. A kernel named after path wins over a file or directory
// called like it.
func Detect(path string, want Boot) (Image, error) {
	img := Image{Boot: want, Path: path, Prefix: path}
	if want == BootDetect {
		img.Boot = detect(path)
	}
	if img.Boot == BootISO {
		img.Prefix = strings.TrimSuffix(path, ".iso")
	}
	return img, img.check()
}

func detect(path string) Boot {
	switch {
	case exists(path + "-kernel"):
		for _, root := range roots {
			if exists(path + root.suffix) {
				return root.boot
			}
		}
		return BootKernel
	case strings.HasSuffix(path, ".iso"):
		return BootISO
	}
	return BootDisk
}

func exists(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && !fi.IsDir()
}

// Files are the paths that the image consists of, but for an initrd beside the
// image of a root.
func (i Image) Files() []string {
	if root := i.Root(); root != "" {
		return []string{i.Kernel(), root, i.Cmdline()}
	}
	return []string{i.Path}
}

// Kernel is the path of the kernel, if it is a file of its own.
func (i Image) Kernel() string { return i.Prefix + "-kernel" }

// Cmdline is the path of the kernel's command line.
func (i Image) Cmdline() string { return i.Prefix + "-cmdline" }

// Root is the path of what goes with the kernel: an initrd or the image of the
// root filesystem. It is empty if the image boots by itself.
func (i Image) Root() string {
	for _, root := range roots {
		if i.Boot == root.boot {
			return i.Prefix + root.suffix
		}
	}
	return ""
}

// Initrd is the path of the initrd. One that mounts a root on a disk is there
// only for kernels that need it; else, and if the image boots by itself, it is
// empty.
func (i Image) Initrd() string {
	switch i.Boot {
	case BootKernel:
		return i.Root()
	case BootSquashfs, BootErofs:
		if path := strings.TrimSuffix(i.Root(), ".img") + "-initrd.img"; exists(path) {
			return path
		}
	}
	return ""
}

func (i Image) check() error {
	for _, path := range i.Files() {
		switch fi, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s image %s: %w: %s does not exist; build it first or name another prefix", i.Boot, i.Path, ErrNoImage, path)
		case err != nil:
			return fmt.Errorf("%s image %s: %w", i.Boot, i.Path, err)
		case fi.IsDir():
			return fmt.Errorf("%s image %s: %w: %s is a directory", i.Boot, i.Path, ErrNoImage, path)
		}
	}
	return nil
}

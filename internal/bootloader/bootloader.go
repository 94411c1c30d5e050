// Package bootloader reads the boot loaders that images need out of the images
// of tools/boot and tools/rpi, those of the architecture that is to boot.
//
// It owns where the files are there and what firmware calls them. It does not
// find the image, and installs nothing: the encoders below internal/format do.
package bootloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linuxkit/linuxkit/internal/layer"
)

// ErrMissing means that there is no such boot loader: the architecture has no
// firmware that wants it, or the image is not that of the package which has it.
var ErrMissing = errors.New("boot loader is missing")

// Package is a package with boot loaders: its directory in the repository.
type Package string

// The packages.
const (
	// Firmware has what the firmware of PCs and servers starts.
	Firmware Package = "tools/boot"
	// RaspberryPi has the firmware of these boards and what that starts.
	RaspberryPi Package = "tools/rpi"
)

// File is one of the files.
type File string

// The files. Those of [Firmware] but the first two exist for amd64 only, those
// of [RaspberryPi] for arm64.
const (
	// SystemdBoot is the boot manager systemd-boot, an EFI program.
	SystemdBoot File = "systemd-boot"
	// Stub is systemd-stub, what unified kernel images are made of.
	Stub File = "systemd-stub"
	// Isolinux is what a BIOS boots from a CD; it needs Ldlinux beside it.
	Isolinux File = "isolinux.bin"
	// Ldlinux is the core module of isolinux.
	Ldlinux File = "ldlinux.c32"
	// IsoHybrid is the boot record that starts isolinux from a disk.
	IsoHybrid File = "isohdpfx.bin"
	// MBR is the boot record that starts the active partition.
	MBR File = "mbr.bin"
	// GPTMBR is the boot record for disks with a GUID partition table.
	GPTMBR File = "gptmbr.bin"
	// Syslinux is the installer with the boot loader for FAT inside.
	Syslinux File = "syslinux"
	// UBoot is U-Boot for the Raspberry Pi 3.
	UBoot File = "u-boot.bin"
	// RaspiLicence says what may be done with the firmware of the Raspberry Pi.
	RaspiLicence File = "LICENCE.broadcom"
)

// raspiFirmware is where the firmware of the Raspberry Pi is in the image.
const raspiFirmware = "usr/lib/raspi-firmware/"

// maxFile is more than any of them has.
const maxFile = 8 << 20

// efiArches are the names of architectures in those of EFI programs.
var efiArches = map[string]string{"amd64": "x64", "arm64": "aa64", "riscv64": "riscv64"}

// fallbacks are what firmware starts where nothing else is configured, as
// section 3.5 of the UEFI specification 2.10 has it.
var fallbacks = map[string]string{"amd64": "BOOTX64.EFI", "arm64": "BOOTAA64.EFI", "riscv64": "BOOTRISCV64.EFI"}

// EFIPath is the path of the program on the EFI system partition that the
// firmware of an architecture starts by itself, with slashes.
func EFIPath(arch string) (string, error) {
	name, ok := fallbacks[arch]
	if !ok {
		return "", fmt.Errorf("find boot loader: architecture %q has no name in UEFI that is known here", arch)
	}
	return "EFI/BOOT/" + name, nil
}

// paths are where the files are in the image.
func paths(arch string) map[string]File {
	all := map[string]File{}
	if efi, ok := efiArches[arch]; ok {
		all["usr/lib/systemd/boot/efi/systemd-boot"+efi+".efi"] = SystemdBoot
		all["usr/lib/systemd/boot/efi/linux"+efi+".efi.stub"] = Stub
	}
	if arch == "amd64" {
		all["usr/lib/ISOLINUX/isolinux.bin"] = Isolinux
		all["usr/lib/ISOLINUX/isohdpfx.bin"] = IsoHybrid
		all["usr/lib/syslinux/modules/bios/ldlinux.c32"] = Ldlinux
		all["usr/lib/syslinux/mbr/mbr.bin"] = MBR
		all["usr/lib/syslinux/mbr/gptmbr.bin"] = GPTMBR
		all["usr/bin/syslinux"] = Syslinux
	}
	if arch == "arm64" {
		all["usr/lib/u-boot/rpi_3/u-boot.bin"] = UBoot
		all["usr/share/doc/raspi-firmware/copyright"] = RaspiLicence
	}
	return all
}

// Set is the boot loaders of one architecture.
type Set struct {
	arch     string
	files    map[File][]byte
	firmware map[string][]byte
}

// Load reads the files for an architecture, such as amd64, from the layers of
// images. Errors are those of [layer.Flatten].
func Load(ctx context.Context, layers []layer.Blob, arch string) (*Set, error) {
	wanted := paths(arch)
	s := &Set{arch: arch, files: map[File][]byte{}, firmware: map[string][]byte{}}
	keep := func(name string) bool { return wanted[name] != "" || strings.HasPrefix(name, raspiFirmware) }
	err := layer.Flatten(ctx, layers, layer.Options{Keep: keep}, func(e *layer.Entry) error {
		if e.Content == nil {
			return nil
		}
		data, err := io.ReadAll(io.LimitReader(e.Content, maxFile+1))
		if err == nil && len(data) > maxFile {
			err = fmt.Errorf("%s has more than %d bytes", e.Header.Name, maxFile)
		}
		if rest, ok := strings.CutPrefix(e.Header.Name, raspiFirmware); ok {
			s.firmware[rest] = data
		} else {
			s.files[wanted[e.Header.Name]] = data
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read boot loaders for %s: %w", arch, err)
	}
	return s, nil
}

// Get returns the content of a file. The error wraps [ErrMissing].
func (s *Set) Get(f File) ([]byte, error) {
	data, ok := s.files[f]
	if !ok {
		return nil, fmt.Errorf("find %s for %s: %w", f, s.arch, ErrMissing)
	}
	return data, nil
}

// RaspiFirmware returns the firmware of the Raspberry Pi: the content of files
// by their path on the card. The error wraps [ErrMissing].
func (s *Set) RaspiFirmware() (map[string][]byte, error) {
	if len(s.firmware) == 0 {
		return nil, fmt.Errorf("find the firmware of the Raspberry Pi for %s: %w", s.arch, ErrMissing)
	}
	return s.firmware, nil
}

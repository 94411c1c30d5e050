package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/vm"
)

// ErrNoFirmware means that no UEFI firmware was found.
var ErrNoFirmware = errors.New("no UEFI firmware found")

// firmware is a place where distributions put UEFI firmware.
type firmware struct {
	code string
	vars string // template of the variables; empty: none
	size int64  // the flash has to be this large; 0: as the file
	pkg  string // of Debian
	// program is set if it is no flash, but started by the machine's own
	// firmware as a kernel would be.
	program bool
}

const armFlash = 64 << 20

var (
	x86Firmware = []firmware{
		{code: "/usr/share/OVMF/OVMF_CODE_4M.fd", vars: "/usr/share/OVMF/OVMF_VARS_4M.fd", pkg: "ovmf"},
		{code: "/usr/share/OVMF/OVMF_CODE.fd", vars: "/usr/share/OVMF/OVMF_VARS.fd"},
		{code: "/usr/share/edk2/x64/OVMF_CODE.4m.fd", vars: "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},
		{code: "/usr/share/ovmf/bios.bin"},
	}
	armFirmware = []firmware{
		{code: "/usr/share/AAVMF/AAVMF_CODE.fd", vars: "/usr/share/AAVMF/AAVMF_VARS.fd", size: armFlash, pkg: "qemu-efi-aarch64"},
		{code: "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", size: armFlash},
	}
	riscvFirmware = []firmware{
		{code: "/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd", vars: "/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd", pkg: "qemu-efi-riscv64, or u-boot-qemu before Debian 13"},
		// U-Boot has what of UEFI a boot takes, and keeps no variables.
		{code: "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", program: true},
	}
)

// findFirmware resolves what c asks for. The zero firmware means none.
func (c Config) findFirmware() (firmware, error) {
	f, err := c.lookForFirmware()
	if err == nil && f.program && c.Image.Root() != "" {
		err = fmt.Errorf("UEFI on %s: U-Boot (%s) takes the place of the kernel, so it starts disks and CDs only; leave out --uefi", c.Arch, f.code)
	}
	return f, err
}

func (c Config) lookForFirmware() (firmware, error) {
	places := machines[c.Arch].firmware
	switch {
	case !c.UEFI && c.Firmware == "":
		return firmware{}, nil
	case c.Firmware != "":
		return givenFirmware(c.Firmware, places)
	case len(places) == 0:
		return firmware{}, fmt.Errorf("UEFI on %s: %w: there is none for it", c.Arch, ErrNoFirmware)
	}
	for _, f := range places {
		if isFile(f.code) {
			return f, nil
		}
	}
	return firmware{}, fmt.Errorf("UEFI on %s: %w; install it (Debian: apt install %s) or name its file with --fw", c.Arch, ErrNoFirmware, places[0].pkg)
}

// givenFirmware takes the file the user named, with the variables beside it.
func givenFirmware(code string, places []firmware) (firmware, error) {
	if _, err := os.Stat(code); err != nil {
		return firmware{}, fmt.Errorf("UEFI firmware: %w", err)
	}
	f := firmware{code: code, program: isUBoot(code) && slices.ContainsFunc(places, func(p firmware) bool { return p.program })}
	if f.program {
		return f, nil
	}
	vars := filepath.Join(filepath.Dir(code), strings.Replace(filepath.Base(code), "CODE", "VARS", 1))
	if vars != code && isFile(vars) {
		f.vars = vars
	}
	if len(places) > 0 {
		f.size = places[0].size
	}
	return f, nil
}

// isUBoot goes by the name, which is that of U-Boot's own build.
func isUBoot(code string) bool {
	name := filepath.Base(code)
	return strings.HasPrefix(name, "u-boot") || strings.HasPrefix(name, "uboot")
}

func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}

// install puts what has to be writable or larger into the state directory and
// returns the firmware with the paths to use. The names there carry the
// architecture, since images of several may share a prefix.
func (f firmware) install(ctx context.Context, s *vm.State, arch string) (firmware, error) {
	if fi, err := os.Stat(f.code); err == nil && fi.Size() < f.size {
		padded := s.Path("firmware-" + arch + ".fd")
		if err := copyFile(ctx, padded, f.code, f.size); err != nil {
			return f, err
		}
		f.code = padded
	}
	if f.vars == "" {
		return f, nil
	}
	kept := s.Path("efivars-" + arch + ".fd")
	if !isFile(kept) {
		if err := copyFile(ctx, kept, f.vars, f.size); err != nil {
			return f, err
		}
	}
	f.vars = kept
	return f, nil
}

// copyFile copies from to path, with zeros up to size.
func copyFile(ctx context.Context, path, from string, size int64) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	defer dst.Close()
	n, err := io.Copy(dst, src)
	if err == nil && n < size {
		err = dst.Truncate(size)
	}
	if err != nil {
		return fmt.Errorf("copying firmware %s: %w", from, err)
	}
	return dst.Commit(ctx)
}

package disk_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/cpio"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
	"github.com/linuxkit/linuxkit/internal/format/gpt"
	"github.com/linuxkit/linuxkit/internal/format/mbr"
	"github.com/linuxkit/linuxkit/internal/format/qcow2"
	"github.com/linuxkit/linuxkit/internal/format/syslinux"
	"github.com/linuxkit/linuxkit/internal/format/vhd"
	"github.com/linuxkit/linuxkit/internal/format/vmdk"
)

const (
	hello  = "hello from the disk"
	initGo = `package main

import (
	"os"
	"syscall"
)

func main() {
	os.Stdout.WriteString("` + hello + `\n")
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
`
	ovmf    = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	vars    = "/usr/share/OVMF/OVMF_VARS_4M.fd"
	sdBoot  = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
	mbrBin  = "/usr/lib/SYSLINUX/mbr.bin"
	gptBin  = "/usr/lib/SYSLINUX/gptmbr.bin"
	cmdline = "console=ttyS0 panic=-1 quiet"
)

// kernel returns the kernel that LINUXKIT_TEST_KERNEL names.
func kernel(t *testing.T) []byte {
	t.Helper()
	name := os.Getenv("LINUXKIT_TEST_KERNEL")
	if name == "" {
		t.Skip("needs a kernel for x86_64 with an EFI stub, named by LINUXKIT_TEST_KERNEL")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("needs qemu-system-x86_64 (Debian package qemu-system-x86)")
	}
	return read(t, name, "")
}

// read returns the content of a file that a package has.
func read(t *testing.T, name, pkg string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) && pkg != "" {
		t.Skipf("needs %s (Debian package %s)", name, pkg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// initrd returns an archive with a program that greets and switches the machine off.
func initrd(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "init")
	if err := os.WriteFile(source, []byte(initGo), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content := read(t, program, "")
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	for _, h := range []cpio.Header{
		{Name: "dev", Mode: cpio.TypeDir | 0o755},
		{Name: "dev/console", Mode: cpio.TypeChar | 0o600, Major: 5, Minor: 1},
		{Name: "init", Mode: cpio.TypeRegular | 0o755, Size: int64(len(content))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name string, content []byte) fat.File {
	return fat.File{Path: name, Size: int64(len(content)), Data: bytes.NewReader(content)}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// biosFS returns a file system that SYSLINUX boots.
func biosFS(t *testing.T, opts fat.Options) *disk.Image {
	t.Helper()
	name, err := exec.LookPath("syslinux")
	if err != nil {
		t.Skip("needs syslinux (Debian package syslinux)")
	}
	l, err := syslinux.Extract(read(t, name, ""))
	if err != nil {
		t.Fatal(err)
	}
	config := "SERIAL 0\nDEFAULT linux\nLABEL linux\n KERNEL /kernel\n INITRD /initrd.img\n APPEND " + cmdline + "\n"
	fs, err := l.Install(append(efiFiles(t), file("syslinux.cfg", []byte(config))), opts)
	if err != nil {
		t.Fatal(err)
	}
	im, err := fs.Image()
	return must(t, im, err)
}

// efiFiles returns what systemd-boot boots.
func efiFiles(t *testing.T) []fat.File {
	t.Helper()
	entry := "title linux\nlinux /kernel\ninitrd /initrd.img\noptions " + cmdline + "\n"
	return []fat.File{
		file("EFI/BOOT/BOOTX64.EFI", read(t, sdBoot, "systemd-boot-efi")),
		file("loader/loader.conf", []byte("timeout 0\n")),
		file("loader/entries/linux.conf", []byte(entry)),
		file("kernel", kernel(t)),
		file("initrd.img", initrd(t)),
	}
}

// mbrDisk is a disk for the BIOS.
func mbrDisk(t *testing.T, opts fat.Options) *disk.Image {
	opts.Before = disk.Align
	kind := byte(mbr.TypeFAT32)
	if opts.Type == fat.FAT16 {
		kind = mbr.TypeFAT16
	}
	d := mbr.Disk{ID: 1, Code: read(t, mbrBin, "syslinux"), Partitions: []mbr.Partition{{Type: kind, Active: true, Content: biosFS(t, opts)}}}
	im, err := d.Image()
	return must(t, im, err)
}

// gptDisk is a disk for UEFI and BIOS.
func gptDisk(t *testing.T, opts fat.Options) *disk.Image {
	opts.Before = disk.Align
	d := gpt.Disk{Code: read(t, gptBin, "syslinux"), Partitions: []gpt.Partition{
		{Type: gpt.TypeESP, Name: "ESP", Attributes: gpt.LegacyBoot, Content: biosFS(t, opts)},
	}}
	im, err := d.Image()
	return must(t, im, err)
}

// write writes a disk in a format and returns its name.
func write(t *testing.T, im *disk.Image, format string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk."+format))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := encoders[format](f, im); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// encoders write images in the formats as QEMU calls them.
var encoders = map[string]func(*os.File, *disk.Image) error{
	"raw":   func(f *os.File, im *disk.Image) error { return im.WriteFile(context.Background(), f) },
	"qcow2": through(qcow2.Encode),
	"vpc":   through(func(im *disk.Image) (*disk.Image, error) { return vhd.Dynamic(im, vhd.Options{}) }),
	"vhd":   through(func(im *disk.Image) (*disk.Image, error) { return vhd.Fixed(im, vhd.Options{}) }),
	"vmdk":  func(f *os.File, im *disk.Image) error { return vmdk.Write(context.Background(), f, im, vmdk.Options{}) },
}

// through writes what becomes of an image.
func through(encode func(*disk.Image) (*disk.Image, error)) func(*os.File, *disk.Image) error {
	return func(f *os.File, im *disk.Image) error {
		encoded, err := encode(im)
		if err != nil {
			return err
		}
		return encoded.WriteFile(context.Background(), f)
	}
}

// boot runs a machine until it switches itself off, and wants its greeting.
func boot(t *testing.T, name, format string, uefi bool) {
	t.Helper()
	args := []string{"-accel", "tcg", "-m", "512", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
		"-drive", "file=" + name + ",format=" + strings.Replace(format, "vhd", "vpc", 1) + ",if=ide,snapshot=on"}
	if uefi {
		read(t, ovmf, "ovmf")
		own := filepath.Join(t.TempDir(), "vars")
		if err := os.WriteFile(own, read(t, vars, "ovmf"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-machine", "q35", "-drive", "if=pflash,format=raw,readonly=on,file="+ovmf, "-drive", "if=pflash,format=raw,file="+own)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var out strings.Builder
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = io.Writer(&out), io.Writer(&out)
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), hello) {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestBoot(t *testing.T) {
	kernel(t)
	for _, c := range []struct {
		name   string
		make   func(*testing.T, fat.Options) *disk.Image
		opts   fat.Options
		format string
		uefi   bool
	}{
		{"bios-mbr-fat16", mbrDisk, fat.Options{Type: fat.FAT16}, "raw", false},
		{"bios-mbr-fat32", mbrDisk, fat.Options{Type: fat.FAT32, Size: 300 << 20}, "raw", false},
		{"bios-gpt", gptDisk, fat.Options{}, "raw", false},
		{"uefi-gpt", gptDisk, fat.Options{}, "raw", true},
		{"uefi-gpt-large", gptDisk, fat.Options{Size: 300 << 20}, "raw", true},
		{"uefi-mbr", mbrDisk, fat.Options{}, "raw", true},
		{"bios-qcow2", mbrDisk, fat.Options{}, "qcow2", false},
		{"uefi-qcow2", gptDisk, fat.Options{}, "qcow2", true},
		{"bios-vhd-dynamic", mbrDisk, fat.Options{}, "vpc", false},
		{"uefi-vhd-dynamic", gptDisk, fat.Options{}, "vpc", true},
		{"bios-vhd-fixed", mbrDisk, fat.Options{}, "vhd", false},
		{"uefi-vhd-fixed", gptDisk, fat.Options{}, "vhd", true},
		{"bios-vmdk", mbrDisk, fat.Options{}, "vmdk", false},
		{"uefi-vmdk", gptDisk, fat.Options{}, "vmdk", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			boot(t, write(t, c.make(t, c.opts), c.format), c.format, c.uefi)
		})
	}
}

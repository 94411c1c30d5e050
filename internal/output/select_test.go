package output

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/uki"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		names, arch string
		count       int
		err         string
		is          error
	}{
		{names: "kernel+initrd", arch: "s390x", count: 1},
		{names: "kernel+initrd,kernel+squashfs,kernel+erofs,kernel+iso", arch: "riscv64", count: 4},
		{names: "raw-efi,raw-efi", arch: "riscv64", count: 1},
		{names: "iso", arch: "arm64", count: 1},
		{names: "iso-bios", arch: "arm64", err: "iso-bios for arm64; it exists for amd64", is: ErrArchitecture},
		{names: "iso-efi", arch: "s390x", err: "amd64, arm64, riscv64", is: ErrArchitecture},
		{names: "iso-bios,kernel+iso", arch: "amd64", err: "formats iso-bios and kernel+iso both make the file NAME.iso"},
		{names: "iso,iso-bios", arch: "amd64", err: "both make the file NAME.iso"},
		{names: "vhd,dynamic-vhd", arch: "amd64", err: "both make the file NAME.vhd"},
		{names: "tar,kernel+initrd", arch: "amd64", err: "format tar must be the only format"},
		{names: "kernel+initrd,foo", arch: "amd64", err: `"foo"; known formats: aws docker`, is: ErrUnknownFormat},
		{names: "rpi3,raw-efi", arch: "arm64", count: 2},
		{names: "rpi3", arch: "amd64", err: "rpi3 for amd64; it exists for arm64", is: ErrArchitecture},
	} {
		selected, err := Select(strings.Split(c.names, ","), c.arch)
		if c.err == "" && (err != nil || len(selected) != c.count) {
			t.Errorf("%s for %s: %d formats, %v", c.names, c.arch, len(selected), err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || c.is != nil && !errors.Is(err, c.is)) {
			t.Errorf("%s for %s: error %v, want %q", c.names, c.arch, err, c.err)
		}
	}
}

// fails wants an error from a format, and no file.
func fails(t *testing.T, format string, sys *rootfs.System, opts Options, is error, text string) {
	t.Helper()
	selected, err := Select([]string{"kernel+initrd", format}, opts.Arch)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Write(t.Context(), sys, selected, opts)
	if err == nil || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: error %v, want %q", format, err, text)
	}
	if left := listing(t, opts.Dir); len(left) > 0 {
		t.Errorf("%s leaves %q", format, left)
	}
}

func TestTooSmall(t *testing.T) {
	sys, opts := bootable(t)
	opts.DiskSize = 1 << 20
	for _, format := range []string{"raw-bios", "raw-efi", "qcow2-bios", "qcow2-efi", "aws", "gcp", "vhd", "dynamic-vhd", "vmdk", "ova"} {
		fails(t, format, sys, opts, disk.ErrTooSmall, "; give --size ")
	}
}

func TestUsualSizes(t *testing.T) {
	for format, want := range map[string]struct {
		suffix string
		size   int64
	}{"aws": {".raw", gib}, "vhd": {".vhd", gib + 512}} {
		sys, opts := bootable(t)
		opts.DiskSize = 0
		prefix := write(t, format, sys, opts)
		if info, err := os.Stat(prefix + want.suffix); err != nil || info.Size() != want.size {
			t.Errorf("%s has %d bytes, %v", format, info.Size(), err)
		}
	}
}

func TestNoKernel(t *testing.T) {
	sys, opts := bootable(t)
	sys.Kernel = nil
	for _, format := range []string{"raw-bios", "raw-efi", "iso-bios", "iso", "uki", "ova"} {
		fails(t, format, sys, opts, errNoKernel, "no kernel section")
	}
	write(t, "kernel+squashfs", sys, opts)
	if got := listing(t, opts.Dir); fmt.Sprint(got) != "[x-cmdline x-squashfs.img]" {
		t.Errorf("files %q", got)
	}
}

func TestNoEFIStub(t *testing.T) {
	sys, opts := bootable(t)
	sys.Kernel = bootFile("other kernel", []byte(strings.Repeat("no program of UEFI", 100)))
	for _, format := range []string{"raw-efi", "qcow2-efi", "iso-efi", "iso-efi-initrd", "iso", "uki"} {
		fails(t, format, sys, opts, uki.ErrFormat, "CONFIG_EFI_STUB")
	}
	write(t, "raw-bios", sys, opts)
}

// TestMicrocode wants it in everything that boots.
func TestMicrocode(t *testing.T) {
	const code = "microcode, which no other file holds"
	for format, want := range expected {
		if format == "rpi3" {
			continue // its architecture has none
		}
		sys, opts := bootable(t)
		sys.UCode = bootFile("ucode.cpio", []byte(code))
		prefix := write(t, format, sys, opts)
		found := false
		names, err := filepath.Glob(prefix + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			found = found || strings.Contains(plainContent(t, name), code)
		}
		if !found {
			t.Errorf("%s, in %d files and more, has no microcode", format, len(want.suffixes))
		}
	}
}

// plainContent returns the content of a file, unpacked if it is compressed.
func plainContent(t *testing.T, name string) string {
	t.Helper()
	switch {
	case strings.HasSuffix(name, ".gz"):
		return tool(t, "gzip", "gzip", "-dc", name)
	case strings.HasSuffix(name, ".vmdk"):
		return string(read(t, raw(t, "vmdk", name, 64)))
	case strings.HasSuffix(name, ".ova"):
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		disk := filepath.Join(t.TempDir(), "x.vmdk")
		if err := os.WriteFile(disk, untar(t, io.Reader(f))["x-disk1.vmdk"], 0o600); err != nil {
			t.Fatal(err)
		}
		return plainContent(t, disk)
	}
	return string(read(t, name))
}

// TestCmdlineOfLines does not let a command line add lines to configurations.
func TestCmdlineOfLines(t *testing.T) {
	sys, opts := bootable(t)
	sys.Cmdline = "a=%d\\n\nINITRD /other"
	contains(t, fatFile(t, write(t, "raw-bios", sys, opts)+"-bios.img", "syslinux.cfg"), "APPEND a=%d\\n INITRD /other\n")
	contains(t, fatFile(t, raw(t, "qcow2", write(t, "qcow2-efi", sys, opts)+"-efi.qcow2", 64), "loader/entries/linuxkit.conf"),
		"options a=%d\\n INITRD /other text\n")
}

func TestGRUBQuote(t *testing.T) {
	if got := grubQuote("console=ttyS0  a=$x b='c"); got != `console=ttyS0 'a=$x' 'b='\''c'` {
		t.Errorf("got %s", got)
	}
}

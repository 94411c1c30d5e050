package output

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/uki"
)

// expected are the files of each format that boots, and how they are checked.
var expected = map[string]struct {
	suffixes []string
	check    func(t *testing.T, prefix string)
}{
	"kernel+initrd":     {[]string{"-cmdline", "-initrd.img", "-kernel"}, func(*testing.T, string) {}},
	"tar-kernel-initrd": {[]string{"-initrd.tar"}, func(*testing.T, string) {}},
	"kernel+squashfs":   {[]string{"-cmdline", "-kernel", "-squashfs.img"}, checkKernelRoot("-squashfs.img")},
	"kernel+erofs":      {[]string{"-cmdline", "-erofs.img", "-kernel"}, checkKernelRoot("-erofs.img")},
	"kernel+iso":        {[]string{"-cmdline", "-kernel", ".iso"}, checkKernelRoot(".iso")},
	"iso-bios":          {[]string{".iso"}, checkISOBIOS},
	"iso-efi":           {[]string{"-efi.iso"}, checkISOEFI},
	"iso-efi-initrd":    {[]string{"-efi-initrd.iso"}, checkISOEFIInitrd},
	"iso":               {[]string{".iso"}, checkISO},
	"raw-bios":          {[]string{"-bios.img"}, checkBIOSDisk("raw", "-bios.img", 64)},
	"raw-efi":           {[]string{"-efi.img"}, checkRawEFI},
	"qcow2-bios":        {[]string{".qcow2"}, checkBIOSDisk("qcow2", ".qcow2", 64)},
	"qcow2-efi":         {[]string{"-efi.qcow2"}, checkQcow2EFI},
	"aws":               {[]string{".raw"}, checkBIOSDisk("raw", ".raw", 64)},
	"gcp":               {[]string{".img.tar.gz"}, checkGCP},
	"vhd":               {[]string{".vhd"}, checkBIOSDisk("vpc", ".vhd", 64)},
	"dynamic-vhd":       {[]string{".vhd"}, checkBIOSDisk("vpc", ".vhd", 64)},
	"vmdk":              {[]string{".vmdk"}, checkBIOSDisk("vmdk", ".vmdk", 64)},
	"ova":               {[]string{".ova"}, checkOVA},
	"uki":               {[]string{".efi"}, checkUKI},
	"rpi3":              {[]string{".tar"}, checkRPi3},
}

// TestFormats makes every format, twice without what the first left in the
// cache, and has programs of others look at it.
func TestFormats(t *testing.T) {
	for name, f := range formats {
		want, ok := expected[name]
		if !ok && !f.Streamable {
			t.Errorf("format %s is not tested", name)
		}
		if f.Streamable {
			continue
		}
		t.Run(name, func(t *testing.T) {
			sys, opts := bootable(t)
			if name == "rpi3" {
				sys, opts = boardSystem(t, "console=ttyS0 quiet", "bcm2837-rpi-3-b.dtb")
			}
			prefix := write(t, name, sys, opts)
			if got := listing(t, opts.Dir); !slices.Equal(got, withPrefix("x", want.suffixes)) {
				t.Errorf("files %q", got)
			}
			want.check(t, prefix)
			warm := opts
			warm.Dir = t.TempDir()
			write(t, name, sys, warm)
			cold := opts
			cold.Dir, cold.Cache = t.TempDir(), nil
			write(t, name, sys, cold)
			for _, suffix := range want.suffixes {
				first := read(t, prefix+suffix)
				for how, dir := range map[string]string{"warm": warm.Dir, "cold": cold.Dir} {
					if !bytes.Equal(first, read(t, filepath.Join(dir, "x"+suffix))) {
						t.Errorf("%s: a %s build gives other bytes", suffix, how)
					}
				}
			}
		})
	}
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func withPrefix(prefix string, suffixes []string) []string {
	var names []string
	for _, s := range suffixes {
		names = append(names, prefix+s)
	}
	return names
}

// checkKernelRoot wants kernel and command line; the image itself is compared
// where the command line is tested.
func checkKernelRoot(suffix string) func(*testing.T, string) {
	return func(t *testing.T, prefix string) {
		if string(read(t, prefix+"-cmdline")) != "console=ttyS0 quiet" {
			t.Error("the command line is another")
		}
		if len(read(t, prefix+suffix)) < 4096 {
			t.Error("the image is empty")
		}
	}
}

// raw returns a disk as a raw file of so many MiB.
func raw(t *testing.T, format, name string, size int64) string {
	t.Helper()
	if format == "qcow2" || format == "vmdk" {
		contains(t, tool(t, "qemu-utils", "qemu-img", "check", "-f", format, name), "No errors")
	}
	out := filepath.Join(t.TempDir(), "raw")
	tool(t, "qemu-utils", "qemu-img", "convert", "-f", format, "-O", "raw", name, out)
	if info, err := os.Stat(out); err != nil || info.Size() != size<<20 {
		t.Errorf("the disk has %d bytes, %v", info.Size(), err)
	}
	return out
}

// fatFile reads a file of the first partition.
func fatFile(t *testing.T, disk, name string) string {
	t.Helper()
	return tool(t, "mtools", "mtype", "-i", disk+"@@1M", "::"+name)
}

// checkFAT lets fsck look at the first partition.
func checkFAT(t *testing.T, name string) {
	t.Helper()
	part := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(part, read(t, name)[1<<20:], 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "dosfstools", "fsck.fat", "-n", part)
}

func checkBIOSDisk(format, suffix string, size int64) func(*testing.T, string) {
	return func(t *testing.T, prefix string) { checkBIOS(t, raw(t, format, prefix+suffix, size)) }
}

func checkBIOS(t *testing.T, name string) {
	t.Helper()
	contains(t, tool(t, "fdisk", "sfdisk", "-d", name), "label: dos", "start=        2048", "bootable")
	checkFAT(t, name)
	contains(t, fatFile(t, name, "syslinux.cfg"), "DEFAULT linux\n", "KERNEL /kernel\n", "INITRD /initrd.img\n", "APPEND console=ttyS0 quiet\n")
	if !bytes.HasPrefix([]byte(fatFile(t, name, "initrd.img")), []byte("\x1f\x8b")) {
		t.Error("the initrd is none")
	}
}

func checkRawEFI(t *testing.T, prefix string) {
	name := prefix + "-efi.img"
	checkGPT(t, name)
	if got := fatFile(t, name, "loader/loader.conf"); got != "timeout 0\n" {
		t.Errorf("loader.conf is %q", got)
	}
	contains(t, fatFile(t, name, "EFI/BOOT/BOOTX64.EFI"), "MZ")
	program := filepath.Join(t.TempDir(), "linuxkit.efi")
	tool(t, "mtools", "mcopy", "-i", name+"@@1M", "::EFI/Linux/linuxkit.efi", program)
	if got := section(t, program, ".cmdline"); got != "console=ttyS0 quiet text" {
		t.Errorf("command line %q", got)
	}
}

func checkGPT(t *testing.T, name string) {
	t.Helper()
	contains(t, tool(t, "gdisk", "sgdisk", "-v", name), "No problems found")
	contains(t, tool(t, "gdisk", "sgdisk", "-i", "1", name), "EFI system partition", "'EFI System'", "First sector: 2048", "flags: 0000000000000004")
	checkFAT(t, name)
}

func checkQcow2EFI(t *testing.T, prefix string) {
	name := raw(t, "qcow2", prefix+"-efi.qcow2", 64)
	checkGPT(t, name)
	contains(t, fatFile(t, name, "loader/entries/linuxkit.conf"), "linux /kernel\n", "initrd /initrd.img\n", "options console=ttyS0 quiet text\n")
}

func checkGCP(t *testing.T, prefix string) {
	z, err := gzip.NewReader(bytes.NewReader(read(t, prefix+".img.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, z)
	if len(files) != 1 || len(files["disk.raw"]) != 64<<20 {
		t.Fatalf("files %v", slices.Collect(maps.Keys(files)))
	}
	name := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(name, files["disk.raw"], 0o600); err != nil {
		t.Fatal(err)
	}
	checkBIOS(t, name)
	if got := fatFile(t, name, "cmdline"); got != "console=ttyS0 quiet" {
		t.Errorf("command line %q", got)
	}
}

func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func checkOVA(t *testing.T, prefix string) {
	files := untar(t, bytes.NewReader(read(t, prefix+".ova")))
	var machine struct {
		Files []struct {
			Href string `xml:"href,attr"`
			Size int    `xml:"size,attr"`
		} `xml:"References>File"`
	}
	if err := xml.Unmarshal(files["x.ovf"], &machine); err != nil {
		t.Fatal(err)
	}
	name := "x-disk1.vmdk"
	if len(machine.Files) != 1 || machine.Files[0].Href != name || machine.Files[0].Size != len(files[name]) {
		t.Errorf("description %+v", machine)
	}
	contains(t, string(files["x.mf"]), "SHA256(x.ovf)= ", "SHA256(x-disk1.vmdk)= ")
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, files[name], 0o600); err != nil {
		t.Fatal(err)
	}
	checkBIOS(t, raw(t, "vmdk", path, 64))
}

// section returns the content of a section of an EFI program.
func section(t *testing.T, name, which string) string {
	t.Helper()
	data := read(t, name)
	sections, err := uki.Sections(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		if s.Name == which {
			return string(data[s.Offset : s.Offset+s.DataSize()])
		}
	}
	return ""
}

func checkUKI(t *testing.T, prefix string) {
	name := prefix + ".efi"
	if got := section(t, name, ".cmdline"); got != "console=ttyS0 quiet" {
		t.Errorf("command line %q", got)
	}
	contains(t, section(t, name, ".osrel"), `NAME="LinuxKit"`)
	if !strings.HasPrefix(section(t, name, ".initrd"), "\x1f\x8b") || section(t, name, ".ucode") != "" {
		t.Error("initrd or microcode are others")
	}
}

// isoFile reads a file of an ISO image.
func isoFile(t *testing.T, iso, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "file")
	tool(t, "xorriso", "xorriso", "-osirrox", "on", "-indev", iso, "-extract", name, out)
	return string(read(t, out))
}

func boots(t *testing.T, iso string, parts ...string) {
	t.Helper()
	contains(t, tool(t, "xorriso", "xorriso", "-indev", iso, "-report_el_torito", "plain"), parts...)
}

func checkISOBIOS(t *testing.T, prefix string) {
	iso := prefix + ".iso"
	boots(t, iso, "Volume id    : 'LinuxKit'", "BIOS  y   none", "/isolinux/isolinux.bin", "boot-info-table")
	contains(t, isoFile(t, iso, "isolinux/isolinux.cfg"), "KERNEL /boot/kernel\n", "APPEND console=ttyS0 quiet root=/dev/sr0\n")
	contains(t, isoFile(t, iso, "boot/kernel"), "MZ")
	if isoFile(t, iso, "etc/name") != "text" {
		t.Error("the tree is not on the image")
	}
}

// esp returns the file system that UEFI boots from an ISO image, in front of
// it the MiB that disks have.
func esp(t *testing.T, iso string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "esp")
	if err := os.WriteFile(name, append(make([]byte, disk.Align), isoFile(t, iso, espName)...), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFAT(t, name)
	return name
}

func checkISOEFI(t *testing.T, prefix string) {
	iso := prefix + "-efi.iso"
	boots(t, iso, "UEFI  y   none", "/boot.img")
	fs := esp(t, iso)
	contains(t, fatFile(t, fs, "loader/entries/linuxkit.conf"), "options console=ttyS0 quiet root=/dev/sr0 text\n")
	if fatFile(t, fs, "kernel") != isoFile(t, iso, "boot/kernel") {
		t.Error("the kernels differ")
	}
	contains(t, isoFile(t, iso, "EFI/BOOT/grub.cfg"), "linux /boot/kernel console=ttyS0 quiet root=/dev/sr0 text\n")
}

func checkISOEFIInitrd(t *testing.T, prefix string) {
	iso := prefix + "-efi-initrd.iso"
	boots(t, iso, "UEFI  y   none")
	fs := esp(t, iso)
	for _, name := range []string{"kernel", "initrd.img", "EFI/BOOT/BOOTX64.EFI", "loader/entries/linuxkit.conf"} {
		if fatFile(t, fs, name) != isoFile(t, iso, name) {
			t.Errorf("%s differs", name)
		}
	}
	contains(t, fatFile(t, fs, "loader/entries/linuxkit.conf"), "options console=ttyS0 quiet text\n")
}

func checkISO(t *testing.T, prefix string) {
	iso := prefix + ".iso"
	boots(t, iso, "BIOS  y   none", "UEFI  y   none")
	contains(t, tool(t, "gdisk", "sgdisk", "-v", iso), "No problems found")
	contains(t, isoFile(t, iso, "isolinux/isolinux.cfg"), "KERNEL /kernel\n", "INITRD /initrd.img\n")
	contains(t, fatFile(t, esp(t, iso), "loader/entries/linuxkit.conf"), "options console=ttyS0 quiet\n")
}

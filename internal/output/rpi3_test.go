package output

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/linuxkit/linuxkit/internal/format/uimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// boardSystem is a system for a Raspberry Pi with some device trees.
func boardSystem(t *testing.T, cmdline string, trees ...string) (*rootfs.System, Options) {
	t.Helper()
	yaml := system
	for _, name := range trees {
		yaml += "  - {path: boot/dtb/broadcom/" + name + ", contents: tree of " + name + "}\n"
	}
	sys, store := plan(t, strings.Replace(yaml, "files: [{path: etc/name, contents: text}]", "files:\n  - {path: etc/name, contents: text}", 1))
	sys.Kernel, sys.Cmdline = bootFile("kernel", armKernel()), cmdline
	set := loaderSet(t, "arm64", map[string][]byte{
		"usr/lib/raspi-firmware/start.elf": []byte("start"), "usr/lib/raspi-firmware/overlays/x.dtbo": []byte("overlay"),
		"usr/lib/u-boot/rpi_3/u-boot.bin": []byte("u-boot"), "usr/share/doc/raspi-firmware/copyright": []byte("licence"),
	})
	return sys, Options{Dir: t.TempDir(), Name: "x", Arch: "arm64", Cache: store.Derived(), Loaders: set}
}

// armKernel has what tells an image for arm64.
func armKernel() []byte {
	kernel := bytes.Repeat([]byte("kernel"), 5000)
	copy(kernel[0x38:], "ARM\x64")
	return kernel
}

// card returns the files of the card by their names.
func card(t *testing.T, prefix string) map[string][]byte {
	t.Helper()
	return untar(t, bytes.NewReader(read(t, prefix+".tar")))
}

func checkRPi3(t *testing.T, prefix string) {
	listed := tool(t, "tar", "tar", "-t", "-f", prefix+".tar")
	want := "./ ./LICENCE.broadcom ./bcm2837-rpi-3-b.dtb ./boot.scr ./config.txt ./dtb/ ./dtb/broadcom/ ./dtb/broadcom/bcm2837-rpi-3-b.dtb " +
		"./initrd.uimg ./kernel.uimg ./overlays/ ./overlays/x.dtbo ./start.elf ./u-boot.bin ./uboot.log"
	if got := strings.Join(strings.Fields(listed), " "); got != want {
		t.Errorf("entries %s", got)
	}
	files := card(t, prefix)
	contains(t, string(files["./config.txt"]), "arm_64bit=1\n", "enable_uart=1\n", "kernel=u-boot.bin\n")
	contains(t, string(files["./boot.scr"]), "setenv bootargs 'console=ttyS0 quiet console=ttyS1,115200'\n", "${prefix}dtb/${fdtfile}\n")
	contains(t, string(files["./dtb/broadcom/bcm2837-rpi-3-b.dtb"]), "tree of bcm2837-rpi-3-b.dtb")
	contains(t, string(files["./uboot.log"]), "kernel.uimg: LinuxKit kernel", "load address 0x80000, entry point 0x80000")
	contains(t, describe(t, files["./kernel.uimg"]), "AArch64 Linux Kernel Image (gzip compressed)", "Load Address: 00080000", "Entry Point:  00080000")
	contains(t, describe(t, files["./initrd.uimg"]), "AArch64 Linux RAMDisk Image (uncompressed)")
	contains(t, describe(t, files["./boot.scr"]), "AArch64 Linux Script (uncompressed)")
	z, err := gzip.NewReader(bytes.NewReader(files["./kernel.uimg"][uimage.HeaderSize:]))
	if err != nil {
		t.Fatal(err)
	}
	if kernel, err := io.ReadAll(z); err != nil || !bytes.Equal(kernel, armKernel()) {
		t.Errorf("the kernel is another one: %v", err)
	}
}

// describe is what U-Boot's own program says about an image.
func describe(t *testing.T, image []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, image, 0o644); err != nil {
		t.Fatal(err)
	}
	return tool(t, "u-boot-tools", "mkimage", "-l", name)
}

func TestRPi3Cmdline(t *testing.T) {
	for line, want := range map[string]string{
		"":                           "'dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 root=/dev/ram0 rw console=ttyS1,115200'",
		" ":                          "'dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 root=/dev/ram0 rw console=ttyS1,115200'",
		"console=tty1":               "'console=tty1 console=ttyS1,115200'",
		"console=ttyS1,9600 quiet":   "'console=ttyS1,9600 quiet'",
		"a=$b; console=ttyS1":        "'a=$b; console=ttyS1'",
		`a='b c' d=\e console=ttyS1`: `'a='\''b c'\'' d=\\e console=ttyS1'`,
		"a\nb console=ttyS1":         "'a b console=ttyS1'",
	} {
		b := &build{System: &rootfs.System{Cmdline: line}}
		if got := ubootQuote(b.rpiCmdline()); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// TestRPi3Compressed takes a kernel that is compressed already.
func TestRPi3Compressed(t *testing.T) {
	sys, opts := boardSystem(t, "", "bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb", "bcm2711-rpi-4-b.dtb")
	plain := card(t, write(t, "rpi3", sys, opts))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(armKernel())
	z.Close()
	sys.Kernel = bootFile("packed", packed.Bytes())
	again := card(t, write(t, "rpi3", sys, opts))
	if !bytes.Equal(plain["./kernel.uimg"], again["./kernel.uimg"]) {
		t.Error("the kernel becomes another one")
	}
	for name, want := range map[string]bool{"bcm2837-rpi-3-b-plus.dtb": true, "bcm2711-rpi-4-b.dtb": false} {
		if _, got := again["./dtb/broadcom/"+name]; got != want {
			t.Errorf("%s is on the card: %v", name, got)
		}
	}
}

// TestRPi3OwnFiles replaces files of the card by those beside the firmware.
func TestRPi3OwnFiles(t *testing.T) {
	sys, opts := boardSystem(t, "", "bcm2837-rpi-3-b.dtb")
	opts.Loaders = loaderSet(t, "arm64", map[string][]byte{
		"usr/lib/raspi-firmware/start.elf": []byte("start"), "usr/lib/raspi-firmware/config.txt": []byte("own"),
		"usr/lib/u-boot/rpi_3/u-boot.bin": []byte("u-boot"), "usr/share/doc/raspi-firmware/copyright": []byte("licence"),
	})
	prefix := write(t, "rpi3", sys, opts)
	if got := card(t, prefix)["./config.txt"]; string(got) != "own" {
		t.Errorf("config.txt is %q", got)
	}
	if listed := tool(t, "tar", "tar", "-t", "-f", prefix+".tar"); strings.Count(listed, "config.txt") != 1 {
		t.Errorf("entries %s", listed)
	}
}

func TestRPi3Impossible(t *testing.T) {
	sys, opts := boardSystem(t, "", "bcm2711-rpi-4-b.dtb")
	fails(t, "rpi3", sys, opts, nil, "the tree has no boot/dtb/broadcom/bcm2837-rpi-*.dtb")
	sys, opts = boardSystem(t, "", "bcm2837-rpi-3-b.dtb")
	sys.Kernel = bootFile("bzImage", []byte("MZ"))
	fails(t, "rpi3", sys, opts, errNotARM64, "compress kernel")
	sys.Kernel = bootFile("damaged", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xff\xff"))
	fails(t, "rpi3", sys, opts, nil, "flate: corrupt input")
	large := bytes.Repeat([]byte{0}, rpiMaxKernel+1)
	copy(large, armKernel())
	sys.Kernel = bootFile("large", large)
	fails(t, "rpi3", sys, opts, nil, "more than the 67108864 bytes")
}

// TestBootFilesStayOut keeps what is for boot loaders out of an initrd.
func TestBootFilesStayOut(t *testing.T) {
	sys, opts := boardSystem(t, "", "bcm2837-rpi-3-b.dtb")
	prefix := write(t, "kernel+initrd", sys, opts)
	if initrd := unpacked(t, read(t, prefix+"-initrd.img")); strings.Contains(initrd, "bcm2837") || !strings.Contains(initrd, "etc/name") {
		t.Error("the initrd has device trees, or lacks other files")
	}
}

// unpacked returns the archives of an initrd without their compression.
func unpacked(t *testing.T, initrd []byte) string {
	t.Helper()
	var all bytes.Buffer
	for from := 0; from < len(initrd); from += pieceAlign {
		var r io.Reader
		var err error
		switch piece := initrd[from:]; {
		case bytes.HasPrefix(piece, []byte("\x1f\x8b")):
			var z *gzip.Reader
			if z, err = gzip.NewReader(bytes.NewReader(piece)); err == nil {
				z.Multistream(false)
				r = z
			}
		case bytes.HasPrefix(piece, []byte("\x28\xb5\x2f\xfd")):
			r, err = zstd.NewReader(bytes.NewReader(piece))
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		// What follows a zstd frame is no frame.
		if _, err := io.Copy(&all, r); err != nil && !errors.Is(err, zstd.ErrMagicMismatch) {
			t.Fatal(err)
		}
	}
	return all.String()
}

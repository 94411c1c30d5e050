package output

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/linuximage"
	"github.com/linuxkit/linuxkit/internal/format/uimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const (
	// rpiTrees are the device trees of the boards, in the tree of the system.
	rpiTrees = "boot/dtb/broadcom/bcm2837-rpi-*.dtb"
	maxTree  = 1 << 20

	// rpiLoad is where the kernel goes, as the firmware would put it.
	rpiLoad = 0x80000
	// rpiMaxKernel is what U-Boot decompresses at most (CONFIG_SYS_BOOTM_LEN).
	rpiMaxKernel = 64 << 20

	// rpiArguments are those of the kernel if the configuration has none.
	rpiArguments = "dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 root=/dev/ram0 rw"
	// rpiSerial is how Linux names the serial line of the pin header:
	// /aliases of the device trees.
	rpiSerial = "console=ttyS1"

	rpiConfig = `# How the firmware of the Raspberry Pi starts U-Boot.
arm_64bit=1
enable_uart=1
upstream_kernel=1
kernel=u-boot.bin
`
)

// rpiScript is what U-Boot does: it loads everything to places that are wide
// apart, with the kernel's own far below, and boots. U-Boot has set what the
// medium is and which of the boards this is.
const rpiScript = `setenv bootargs %s
setenv initrd_high 0xffffffffffffffff
load ${devtype} ${devnum}:${distro_bootpart} 0x08000000 ${prefix}kernel.uimg
load ${devtype} ${devnum}:${distro_bootpart} 0x0c000000 ${prefix}dtb/${fdtfile}
load ${devtype} ${devnum}:${distro_bootpart} 0x0c100000 ${prefix}initrd.uimg
bootm 0x08000000 0x0c100000 0x0c000000
`

func init() {
	register(Format{
		Name: "rpi3", suffixes: []string{".tar"}, files: writeRPi3,
		arches: []string{"arm64"}, needsKernel: true, Loaders: bootloader.RaspberryPi,
	})
}

// writeRPi3 writes a tar of what belongs on the FAT file system of an SD card
// for the Raspberry Pi 3.
func writeRPi3(ctx context.Context, b *build, out *fileSet) error {
	var files []named
	for _, part := range []func(context.Context) ([]named, error){b.rpiLoaders, b.rpiTrees, b.rpiImages} {
		some, err := part(ctx)
		if err != nil {
			return err
		}
		files = append(files, some...)
	}
	slices.SortFunc(files, func(a, b named) int { return strings.Compare(a.path, b.path) })
	return out.write(".tar", func(f *os.File) error {
		t, made := newTarWriter(f), map[string]bool{}
		for _, e := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.onCard(e, made); err != nil {
				return fmt.Errorf("write %s: %w", e.path, err)
			}
		}
		return t.w.Close()
	})
}

// onCard writes a file, with the directories above it that are not made yet.
func (t *tarWriter) onCard(f named, made map[string]bool) error {
	name := "./" + f.path
	for i, c := range name {
		dir := name[:i+1]
		if c != '/' || made[dir] {
			continue
		}
		made[dir] = true
		h := &tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: rootfs.GeneratedTime}
		if err := t.w.WriteHeader(h); err != nil {
			return err
		}
	}
	return t.plain(name, f.size, f.reader())
}

// rpiLoaders returns the firmware and what it starts.
func (b *build) rpiLoaders(context.Context) ([]named, error) {
	uboot, err := b.loader(bootloader.UBoot)
	if err != nil {
		return nil, err
	}
	licence, err := b.loader(bootloader.RaspiLicence)
	if err != nil {
		return nil, err
	}
	firmware, err := b.opts.Loaders.RaspiFirmware()
	if err != nil {
		return nil, err
	}
	files := []named{{"config.txt", textBlob(rpiConfig)}, {"u-boot.bin", uboot}, {string(bootloader.RaspiLicence), licence}}
	for name, data := range firmware {
		files = append(files, named{name, bytesBlob(data)})
	}
	return files, nil
}

// rpiTrees returns the device trees: for U-Boot where it looks for them, and
// for the firmware, which hands one to U-Boot, beside it.
func (b *build) rpiTrees(ctx context.Context) ([]named, error) {
	merged, err := rootfs.Merge(ctx, b.Segments)
	if err != nil {
		return nil, err
	}
	var files []named
	err = merged.Walk(ctx, func(e *rootfs.Entry) error {
		name := e.Header.Name
		if ok, _ := path.Match(rpiTrees, name); !ok || e.Header.Typeflag != tar.TypeReg {
			return nil
		}
		data, err := readAtMost(e, maxTree)
		files = append(files, named{strings.TrimPrefix(name, "boot/"), bytesBlob(data)}, named{path.Base(name), bytesBlob(data)})
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("the tree has no %s; the kernel needs a tarball with device trees, as kernel/debian-generic has", rpiTrees)
	}
	return files, err
}

func readAtMost(e *rootfs.Entry, limit int64) ([]byte, error) {
	if e.Header.Size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", e.Header.Name, e.Header.Size, limit)
	}
	if e.Content == nil {
		return nil, nil
	}
	return io.ReadAll(e.Content)
}

// rpiImages returns kernel, initrd and script as U-Boot wants them, and a file
// that says what they are.
func (b *build) rpiImages(ctx context.Context) ([]named, error) {
	kernel, err := b.gzippedImage(ctx)
	if err != nil {
		return nil, err
	}
	initrd, err := b.bootInitrd(ctx)
	if err != nil {
		return nil, err
	}
	header := uimage.Header{Arch: "arm64", Time: rootfs.GeneratedTime}
	var log strings.Builder
	pack := func(name string, what uimage.Header, data blob) (blob, error) {
		im, err := uimage.New(ctx, what, data.data, data.size)
		if err != nil {
			return blob{}, err
		}
		fmt.Fprintf(&log, "%s: %s, %d bytes of data, load address %#x, entry point %#x\n", name, what.Name, data.size, what.Load, what.Entry)
		return imageBlob(im), nil
	}
	header.Type, header.Name = uimage.Ramdisk, "LinuxKit initrd"
	packedInitrd, err := pack("initrd.uimg", header, imageBlob(initrd))
	if err != nil {
		return nil, err
	}
	header.Type, header.Name = uimage.Kernel, "LinuxKit kernel"
	header.Compression, header.Load, header.Entry = uimage.Gzip, rpiLoad, rpiLoad
	packedKernel, err := pack("kernel.uimg", header, kernel)
	if err != nil {
		return nil, err
	}
	header.Name = "LinuxKit boot script"
	script, err := uimage.Script(header, fmt.Sprintf(rpiScript, ubootQuote(b.rpiCmdline())))
	return []named{
		{"boot.scr", bytesBlob(script)}, {"kernel.uimg", packedKernel}, {"initrd.uimg", packedInitrd}, {"uboot.log", textBlob(log.String())},
	}, err
}

// rpiCmdline returns the arguments of the kernel: those of the configuration,
// or else the usual ones, and the serial line if it is not named.
func (b *build) rpiCmdline() string {
	line := payload{cmdline: b.Cmdline}.line()
	if strings.TrimSpace(line) == "" {
		line = rpiArguments
	}
	if !strings.Contains(line, rpiSerial) {
		line += " " + rpiSerial + ",115200"
	}
	return line
}

// ubootQuote makes a line one word for the shell of U-Boot, which looks for
// backslashes within single quotes, too (common/cli_hush.c).
func ubootQuote(line string) string {
	line = strings.ReplaceAll(line, `\`, `\\`)
	return "'" + strings.ReplaceAll(line, "'", `'\''`) + "'"
}

// errNotARM64 means that a kernel cannot be started by U-Boot.
var errNotARM64 = errors.New("it is no kernel for arm64")

// gzippedImage returns the kernel as a gzip-compressed image for arm64; see
// Documentation/arch/arm64/booting.rst of Linux.
func (b *build) gzippedImage(ctx context.Context) (blob, error) {
	kernel, err := b.kernel(ctx)
	if err != nil {
		return blob{}, err
	}
	f, err := b.derive(ctx, "rpi3/kernel/1/"+b.Kernel.Key, func(w io.Writer) error { return gzipImage(kernel, w) })
	if err != nil {
		return blob{}, fmt.Errorf("compress kernel: %w", err)
	}
	b.keep(f)
	return fileBlob(f)
}

func gzipImage(kernel blob, w io.Writer) error {
	content, err := linuximage.Payload(kernel.data, kernel.size)
	if err != nil {
		return err
	}
	r := bufio.NewReader(content)
	if head, err := r.Peek(64); err != nil || string(head[0x38:0x3c]) != "ARM\x64" {
		return errNotARM64
	}
	z, err := newGzipWriter(w)
	if err != nil {
		return err
	}
	n, err := io.Copy(z, io.LimitReader(r, rpiMaxKernel+1))
	if err == nil && n > rpiMaxKernel {
		err = fmt.Errorf("it has more than the %d bytes that U-Boot takes", rpiMaxKernel)
	}
	return errors.Join(err, z.Close())
}

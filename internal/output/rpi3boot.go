package output

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/linuximage"
	"github.com/linuxkit/linuxkit/internal/format/uimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const (
	// rpiLoad is where the kernel goes, as the firmware would put it.
	rpiLoad = 0x80000
	// rpiMaxKernel is what U-Boot decompresses at most (CONFIG_SYS_BOOTM_LEN).
	rpiMaxKernel = 64 << 20

	// rpiArguments are those of the kernel if the configuration has none.
	rpiArguments = "dwc_otg.lpm_enable=0 earlyprintk console=tty1 console=ttyS0,115200 root=/dev/ram0 rw"
	// rpiSerial is how Linux names the serial line of the pin header:
	// /aliases of the device trees.
	rpiSerial = "console=ttyS1"
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
	var u ubootImages
	h := uimage.Header{Type: uimage.Kernel, Compression: uimage.Gzip, Name: "LinuxKit kernel", Load: rpiLoad, Entry: rpiLoad}
	if err := u.add(ctx, "kernel.uimg", h, kernel); err != nil {
		return nil, err
	}
	h = uimage.Header{Type: uimage.Ramdisk, Name: "LinuxKit initrd"}
	if err := u.add(ctx, "initrd.uimg", h, imageBlob(initrd)); err != nil {
		return nil, err
	}
	script, err := uimage.Script(uimage.Header{Arch: "arm64", Name: "LinuxKit boot script", Time: rootfs.GeneratedTime}, fmt.Sprintf(rpiScript, ubootQuote(b.rpiCmdline())))
	return append(u.files, named{"boot.scr", bytesBlob(script)}, named{"uboot.log", textBlob(u.log.String())}), err
}

// ubootImages are images for U-Boot and what there is to say about them.
type ubootImages struct {
	files []named
	log   strings.Builder
}

func (u *ubootImages) add(ctx context.Context, name string, h uimage.Header, data blob) error {
	h.Arch, h.Time = "arm64", rootfs.GeneratedTime
	im, err := uimage.New(ctx, h, data.data, data.size)
	if err != nil {
		return err
	}
	u.files = append(u.files, named{name, imageBlob(im)})
	fmt.Fprintf(&u.log, "%s: %s, %d bytes of data, load address %#x, entry point %#x\n", name, h.Name, data.size, h.Load, h.Entry)
	return nil
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
	head, err := r.Peek(64)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err != nil, string(head[0x38:0x3c]) != "ARM\x64":
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

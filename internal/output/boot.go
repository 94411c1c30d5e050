package output

import (
	"context"
	"fmt"
	"strings"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/fat"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// payload is what a boot loader starts.
type payload struct {
	kernel, initrd blob // without initrd its size is 0
	cmdline        string
}

// initrdPayload boots the tree as an initrd. The words are added to the
// command line.
func (b *build) initrdPayload(ctx context.Context, words ...string) (p payload, err error) {
	if p.kernel, err = b.kernel(ctx); err != nil {
		return p, err
	}
	initrd, err := b.bootInitrd(ctx)
	if err != nil {
		return p, err
	}
	p.initrd, p.cmdline = imageBlob(initrd), b.withWords(words...)
	return p, nil
}

func (b *build) withWords(words ...string) string {
	return strings.TrimLeft(strings.Join(append([]string{b.Cmdline}, words...), " "), " ")
}

// line is the command line as one line of a configuration file. The kernel
// takes other white space for blanks.
func (p payload) line() string {
	return strings.NewReplacer("\n", " ", "\r", " ", "\x00", "").Replace(p.cmdline)
}

// syslinuxConfig is the configuration of SYSLINUX and ISOLINUX.
func (p payload) syslinuxConfig(kernel, initrd string) blob {
	text := "DEFAULT linux\nLABEL linux\n    KERNEL " + kernel + "\n"
	if p.initrd.size > 0 {
		text += "    INITRD " + initrd + "\n"
	}
	return textBlob(text + "    APPEND " + p.line() + "\n")
}

// sdBootEntry is a boot loader entry; see the specification of that name of
// the UAPI group.
func (p payload) sdBootEntry() blob {
	text := "title LinuxKit\nlinux /kernel\n"
	if p.initrd.size > 0 {
		text += "initrd /initrd.img\n"
	}
	return textBlob(text + "options " + p.line() + "\n")
}

// grubConfig is for programs of others that read it from an ISO image.
func (p payload) grubConfig(kernel, initrd string) blob {
	text := "set timeout=0\nset gfxpayload=text\nmenuentry 'LinuxKit ISO Image' {\n\tlinux " + kernel + " " + grubQuote(p.line()) + "\n"
	if p.initrd.size > 0 {
		text += "\tinitrd " + initrd + "\n"
	}
	return textBlob(text + "}\n")
}

// grubQuote keeps GRUB from looking into words.
func grubQuote(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if strings.ContainsAny(w, `$\"'{}|&;<>#*?`) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// loader returns a boot loader file.
func (b *build) loader(f bootloader.File) (blob, error) {
	if b.opts.Loaders == nil {
		return blob{}, fmt.Errorf("find %s: %w", f, bootloader.ErrMissing)
	}
	data, err := b.opts.Loaders.Get(f)
	return bytesBlob(data), err
}

// named is a file of a file system image.
type named struct {
	path string
	blob
}

func fatFiles(files []named) []fat.File {
	var all []fat.File
	for _, f := range files {
		all = append(all, fat.File{Path: f.path, Size: f.size, Data: f.data})
	}
	return all
}

// fatOptions are those of all FAT file systems here.
func (b *build) fatOptions(ctx context.Context, format string) (fat.Options, error) {
	seed, err := b.seed(ctx, format)
	return fat.Options{Seed: seed, Time: rootfs.GeneratedTime}, err
}

// partitionOptions are those of a partition of whole MiB, as the first of its
// disk.
func (b *build) partitionOptions(ctx context.Context, format string, files []fat.File, kind fat.Type) (fat.Options, error) {
	opts, err := b.fatOptions(ctx, format)
	if err != nil {
		return opts, err
	}
	opts.Type, opts.Before = kind, disk.Align
	size, err := fat.Size(files, opts)
	opts.Size = disk.Up(size, disk.Align)
	return opts, err
}

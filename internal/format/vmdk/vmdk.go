// Package vmdk writes disk images as stream-optimized VMDK, the form that
// vSphere and OVF archives take: compressed grains of 64 KiB in one file that
// is written from front to back, by the Virtual Disk Format 5.0 of VMware.
//
// Grains of zeros are left out. The result depends on the image and the
// options only, not on how many processors compress it.
package vmdk

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zlib"
	"github.com/linuxkit/linuxkit/internal/format/disk"
)

const (
	grain        = 64 << 10
	grainSectors = grain / disk.Sector
	perTable     = 512 // grains in a grain table
	tableSectors = perTable * 4 / disk.Sector
	batch        = 32                   // grains that are compressed at a time; perTable is a multiple
	maxSize      = 62 << 40             // the largest disk of vSphere
	maxFile      = int64(1<<32-1) * 512 // offsets are 32-bit sectors
)

// Options are what else there is to say about the disk.
type Options struct {
	Seed  []byte // the content identifier is derived from it
	Name  string // of the file, as the descriptor has it; "" is disk.vmdk
	Level int    // of compression, 1 (fast) to 9; 0 is the usual one
}

// Write writes im to w. The size must be a multiple of 64 KiB.
func Write(ctx context.Context, w io.Writer, im *disk.Image, opts Options) error {
	if im.Size%grain != 0 || im.Size <= 0 || im.Size > maxSize {
		return fmt.Errorf("write VMDK: size of %d bytes: must be a multiple of %d, at most %d", im.Size, grain, int64(maxSize))
	}
	if opts.Name == "" {
		opts.Name = "disk.vmdk"
	}
	if strings.ContainsAny(opts.Name, "\"\n\r\x00") || len(opts.Name) > 255 {
		return fmt.Errorf("write VMDK: name %q cannot be in a descriptor", opts.Name)
	}
	if opts.Level == 0 {
		opts.Level = zlib.DefaultCompression
	}
	if err := im.Check(); err != nil {
		return fmt.Errorf("write VMDK: %w", err)
	}
	if err := write(ctx, w, im, opts); err != nil {
		return fmt.Errorf("write VMDK: %w", err)
	}
	return nil
}

func write(ctx context.Context, w io.Writer, im *disk.Image, opts Options) error {
	s := newStream(w, im.Size)
	if err := s.begin(opts); err != nil {
		return err
	}
	if err := compress(ctx, im, opts.Level, s.grains); err != nil {
		return err
	}
	return s.end()
}

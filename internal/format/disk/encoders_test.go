package disk_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// scattered returns a disk with pieces of data at random places, some side by side.
func scattered(t *testing.T, seed byte) *disk.Image {
	t.Helper()
	source := rand.NewChaCha8([32]byte{seed})
	data := make([]byte, 4<<20)
	source.Read(data)
	r := rand.New(source)
	size := disk.Up(r.Int64N(96<<20)+1, disk.Align)
	var extents []disk.Extent
	for at := r.Int64N(size); at < size; {
		n := min(r.Int64N(1<<r.Int64N(22))+1, size-at)
		extents = append(extents, disk.Bytes(at, data[:n]))
		at += n
		if r.Int64N(3) > 0 {
			at += r.Int64N(1 << r.Int64N(26))
		}
	}
	im, err := disk.New(size, extents...)
	return must(t, im, err)
}

// TestEncodersAgree lets QEMU compare scattered disks in every format.
func TestEncodersAgree(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("needs qemu-img (Debian package qemu-utils)")
	}
	for seed := range byte(5) {
		im := scattered(t, seed)
		raw := write(t, im, "raw")
		for format, name := range map[string]string{"qcow2": "qcow2", "vpc": "vpc", "vhd": "vpc", "vmdk": "vmdk"} {
			t.Run(fmt.Sprint(seed, " ", format), func(t *testing.T) {
				out, err := exec.Command("qemu-img", "compare", "-f", name, "-F", "raw", write(t, im, format), raw).CombinedOutput()
				if err != nil {
					t.Errorf("%d pieces in %d bytes: %v: %s", len(im.Extents), im.Size, err, out)
				}
			})
		}
	}
}

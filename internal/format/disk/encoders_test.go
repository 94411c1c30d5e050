package disk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/format/qcow2"
	"github.com/linuxkit/linuxkit/internal/format/vhd"
	"github.com/linuxkit/linuxkit/internal/format/vmdk"
)

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
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

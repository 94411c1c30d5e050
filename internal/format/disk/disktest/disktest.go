// Package disktest helps to test encoders of disks against QEMU: it makes
// images to encode and files to look at.
//
// What an encoder has to fulfil is for its own tests to say.
package disktest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// Random returns n bytes that cannot be compressed, the same in each run.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// Image returns an image of size bytes that must be valid.
func Image(t testing.TB, size int64, extents ...disk.Extent) *disk.Image {
	t.Helper()
	im, err := disk.New(size, extents...)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// Create returns the path of a new file of that name with what write makes of
// it. It is gone after the test.
func Create(t testing.TB, name string, write func(*os.File) error) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// Write is [Create] of an image.
func Write(t testing.TB, im *disk.Image, name string) string {
	t.Helper()
	return Create(t, name, func(f *os.File) error { return im.WriteFile(t.Context(), f) })
}

// NeedQemu skips the test where the tools for disks of QEMU are missing.
func NeedQemu(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"qemu-img", "qemu-io"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s (Debian package qemu-utils)", tool)
		}
	}
}

// QemuImg runs qemu-img and returns what it says. The test fails if that does.
func QemuImg(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("qemu-img", args...).CombinedOutput()
	if err != nil {
		t.Errorf("qemu-img %v: %v: %s", args, err, out)
	}
	return out
}

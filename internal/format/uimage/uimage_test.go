package uimage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

var made = time.Date(2017, 4, 18, 16, 30, 0, 0, time.UTC)

// list has U-Boot's own program describe an image, which checks both checksums.
func list(t *testing.T, image []byte) string {
	t.Helper()
	if _, err := exec.LookPath("mkimage"); err != nil {
		t.Skip("needs mkimage (Debian package u-boot-tools)")
	}
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, image, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mkimage", "-l", name)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mkimage -l: %v\n%s", err, out)
	}
	return string(out)
}

func encoded(t *testing.T, im *disk.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := im.WriteStream(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

func TestKernel(t *testing.T) {
	data := bytes.Repeat([]byte("kernel "), 300)
	h := Header{Type: Kernel, Compression: Gzip, Arch: "arm64", Name: "a name of thirty-two characters.", Load: 0x80000, Entry: 0x80040, Time: made}
	im, err := New(t.Context(), h, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := encoded(t, im)
	if !bytes.Equal(all[HeaderSize:], data) {
		t.Error("the data is not behind the header")
	}
	contains(t, list(t, all), "a name of thirty-two characters.", "Tue Apr 18 16:30:00 2017", "AArch64 Linux Kernel Image (gzip compressed)",
		"Data Size:    2100 Bytes", "Load Address: 00080000", "Entry Point:  00080040")
}

func TestRamdisk(t *testing.T) {
	for arch, want := range map[string]string{
		"386": "Intel x86", "amd64": "AMD x86_64", "arm": "ARM", "arm64": "AArch64", "riscv64": "RISC-V",
	} {
		im, err := New(t.Context(), Header{Type: Ramdisk, Arch: arch, Time: made}, strings.NewReader("initrd"), 6)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, list(t, encoded(t, im)), want+" Linux RAMDisk Image (uncompressed)", "6 Bytes")
	}
}

func TestScript(t *testing.T) {
	image, err := Script(Header{Arch: "arm64", Name: "boot", Time: made}, "echo 1\n")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, list(t, image), "AArch64 Linux Script (uncompressed)", "15 Bytes", "Image 0: 7 Bytes")
}

func TestImpossible(t *testing.T) {
	good := Header{Type: Kernel, Arch: "arm64", Time: made}
	for name, spoil := range map[string]func(*Header){
		"architecture": func(h *Header) { h.Arch = "wasm" },
		"name":         func(h *Header) { h.Name = strings.Repeat("n", 33) },
		"time":         func(h *Header) { h.Time = time.Time{} },
		"future":       func(h *Header) { h.Time = time.Unix(1<<32, 0) },
	} {
		h := good
		spoil(&h)
		if _, err := New(t.Context(), h, strings.NewReader(""), 0); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := Script(h, ""); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: error %v of a script", name, err)
		}
	}
	if _, err := New(t.Context(), good, strings.NewReader(""), 1<<32); !errors.Is(err, ErrSpec) {
		t.Errorf("a large image: %v", err)
	}
	if _, err := New(t.Context(), good, strings.NewReader("short"), 6); err == nil {
		t.Error("data that ends early is taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, good, strings.NewReader("data"), 4); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

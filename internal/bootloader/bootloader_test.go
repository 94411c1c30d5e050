package bootloader

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/linuxkit/linuxkit/internal/layer"
)

func blob(t *testing.T, files map[string]string) layer.Blob {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return layer.Blob{Digest: "test", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes())), nil
	}}
}

// all are the files of the image as tools/boot makes it.
var all = map[string]string{
	"usr/bin/syslinux": "syslinux", "usr/lib/ISOLINUX/isohdpfx.bin": "isohdpfx.bin", "usr/lib/ISOLINUX/isolinux.bin": "isolinux.bin",
	"usr/lib/syslinux/mbr/gptmbr.bin": "gptmbr.bin", "usr/lib/syslinux/mbr/mbr.bin": "mbr.bin", "usr/lib/syslinux/modules/bios/ldlinux.c32": "ldlinux.c32",
	"usr/lib/systemd/boot/efi/linuxx64.efi.stub": "systemd-stub", "usr/lib/systemd/boot/efi/systemd-bootx64.efi": "systemd-boot",
	"usr/share/doc/isolinux/copyright": "GPL",
}

func TestLoad(t *testing.T) {
	s, err := Load(context.Background(), []layer.Blob{blob(t, all)}, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []File{SystemdBoot, Stub, Isolinux, Ldlinux, IsoHybrid, MBR, GPTMBR, Syslinux} {
		if data, err := s.Get(f); err != nil || string(data) != string(f) {
			t.Errorf("%s is %q, %v", f, data, err)
		}
	}
	if len(s.files) != 8 {
		t.Errorf("%d files", len(s.files))
	}
}

func TestRaspberryPi(t *testing.T) {
	board := blob(t, map[string]string{
		"usr/lib/raspi-firmware/start.elf": "start", "usr/lib/raspi-firmware/overlays/x.dtbo": "overlay",
		"usr/lib/u-boot/rpi_3/u-boot.bin": "u-boot.bin", "usr/share/doc/raspi-firmware/copyright": "LICENCE.broadcom",
	})
	s, err := Load(context.Background(), []layer.Blob{blob(t, all), board}, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []File{UBoot, RaspiLicence} {
		if data, err := s.Get(f); err != nil || string(data) != string(f) {
			t.Errorf("%s is %q, %v", f, data, err)
		}
	}
	firmware, err := s.RaspiFirmware()
	if err != nil || len(firmware) != 2 || string(firmware["start.elf"]) != "start" || string(firmware["overlays/x.dtbo"]) != "overlay" {
		t.Errorf("firmware %q, %v", firmware, err)
	}
}

func TestMissing(t *testing.T) {
	s, err := Load(context.Background(), []layer.Blob{blob(t, all)}, "riscv64")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []File{Stub, Isolinux} {
		if _, err := s.Get(f); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: error %v", f, err)
		}
	}
	if _, err := s.RaspiFirmware(); !errors.Is(err, ErrMissing) {
		t.Errorf("firmware: error %v", err)
	}
}

func TestLarge(t *testing.T) {
	files := map[string]string{"usr/bin/syslinux": string(make([]byte, maxFile+1))}
	if _, err := Load(context.Background(), []layer.Blob{blob(t, files)}, "amd64"); err == nil {
		t.Error("a file without bounds is read")
	}
}

func TestEFIPath(t *testing.T) {
	if p, err := EFIPath("arm64"); err != nil || p != "EFI/BOOT/BOOTAA64.EFI" {
		t.Errorf("path %q, %v", p, err)
	}
	if _, err := EFIPath("s390x"); err == nil {
		t.Error("an unknown architecture has a path")
	}
}

package output

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

const (
	images = "../../test/conformance/images"
	efiDir = "/usr/lib/systemd/boot/efi"
	system = `
kernel: {image: "conf/kernel:v1", cmdline: "console=ttyS0 quiet"}
init: ["conf/init:v1", "conf/layers:v1"]
services: [{name: app, image: "conf/app:v1"}]
files: [{path: etc/name, contents: text}]
`
)

// plan returns the system of a configuration on the images of the conformance
// cases.
func plan(t *testing.T, yaml string) (*rootfs.System, *content.Store) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.CopyFS(dir, os.DirFS(images)); err != nil {
		t.Fatal(err)
	}
	store, err := content.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(t.Context(), []string{"-"}, config.LoadOptions{Stdin: strings.NewReader(yaml)})
	if err != nil {
		t.Fatal(err)
	}
	sys, err := rootfs.Plan(t.Context(), cfg, rootfs.Options{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, Images: &image.Resolver{Store: store},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sys, store
}

// bootable is the plan of system with a kernel that firmware would start.
func bootable(t *testing.T) (*rootfs.System, Options) {
	t.Helper()
	sys, store := plan(t, system)
	sys.Kernel = bootFile("kernel", fromPackage(t, efiDir+"/systemd-bootx64.efi", "systemd-boot-efi"))
	return sys, Options{Dir: t.TempDir(), Name: "x", Arch: "amd64", Cache: store.Derived(), Loaders: loaders(t), DiskSize: 64 << 20}
}

// bootFile is a kernel or microcode with some content.
func bootFile(name string, data []byte) *rootfs.BootFile {
	return &rootfs.BootFile{
		Name: name, Key: "test " + name,
		Read: func(_ context.Context, fn func(size, mode int64, r io.Reader) error) error {
			return fn(int64(len(data)), 0o644, bytes.NewReader(data))
		},
	}
}

// fromPackage reads a file that a Debian package installs.
func fromPackage(t *testing.T, name, pkg string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("needs %s (Debian package %s)", name, pkg)
	}
	return data
}

// loaders are boot loaders as the host has them; those of CDs are stand-ins,
// which only booting would tell.
func loaders(t *testing.T) *bootloader.Set {
	t.Helper()
	return loaderSet(t, "amd64", map[string][]byte{
		"usr/lib/systemd/boot/efi/systemd-bootx64.efi": fromPackage(t, efiDir+"/systemd-bootx64.efi", "systemd-boot-efi"),
		"usr/lib/systemd/boot/efi/linuxx64.efi.stub":   fromPackage(t, efiDir+"/linuxx64.efi.stub", "systemd-boot-efi"),
		"usr/bin/syslinux":                             fromPackage(t, "/usr/bin/syslinux", "syslinux"),
		"usr/lib/syslinux/mbr/mbr.bin":                 fromPackage(t, "/usr/lib/SYSLINUX/mbr.bin", "syslinux-common"),
		"usr/lib/ISOLINUX/isolinux.bin":                bytes.Repeat([]byte("isolinux"), 5000),
		"usr/lib/ISOLINUX/isohdpfx.bin":                bytes.Repeat([]byte{0x90}, 432),
		"usr/lib/syslinux/modules/bios/ldlinux.c32":    []byte("ldlinux.c32"),
	})
}

// loaderSet are the boot loaders of an image with these files.
func loaderSet(t *testing.T, arch string, files map[string][]byte) *bootloader.Set {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	set, err := bootloader.Load(t.Context(), []layer.Blob{{Digest: "test", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.Bytes())), nil
	}}}, arch)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// write makes one format and returns the prefix of its files.
func write(t *testing.T, format string, sys *rootfs.System, opts Options) string {
	t.Helper()
	formats, err := Select([]string{format}, opts.Arch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), sys, formats, opts); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(opts.Dir, opts.Name)
}

// tool runs a program of a Debian package.
func tool(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s (Debian package %s)", name, pkg)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// contains fails unless text has all of the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%.2000s", part, text)
		}
	}
}

package builder

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/ulikunitz/xz"

	"github.com/linuxkit/linuxkit/internal/compresstest"
)

// module makes a kernel module, compressed as Debian does.
func module(t *testing.T, fields ...string) (plain, compressed string) {
	t.Helper()
	if _, err := exec.LookPath("as"); err != nil {
		t.Skip("no assembler (package binutils)")
	}
	text := ".section .modinfo,\"a\"\n"
	for _, f := range fields {
		text += ".asciz \"" + f + "\"\n"
	}
	file := filepath.Join(t.TempDir(), "m.o")
	cmd := exec.Command("as", "-o", file)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as: %v\n%s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data), b.String()
}

// kernelRecipe publishes a kernel for both architectures under test.
func kernelRecipe(t *testing.T, image string) (Recipe, map[string]string) {
	t.Helper()
	plain := map[string]string{}
	files := map[string]string{"boot/vmlinuz-6.1": image, "boot/config-6.1": "CONFIG_RD_ZSTD=y\n", "boot/System.map-6.1": "x"}
	for name, fields := range map[string][]string{
		"kernel/net/virtio_net":   {"depends=failover", "alias=virtio:d1v*"},
		"kernel/net/failover":     {"depends="},
		"kernel/fs/overlay":       {"depends=", "alias=fs-overlay"},
		"kernel/drivers/gpu/huge": {"depends="},
	} {
		plain[name], files["usr/lib/modules/6.1/"+name+".ko.xz"] = module(t, fields...)
	}
	files["usr/lib/modules/6.1/modules.builtin"] = "kernel/fs/ext4/ext4.ko\n"
	files["usr/lib/linux-image-6.1/vendor/board.dtb"] = "tree"
	files["usr/lib/linux-image-6.1/other/board.dtb"] = "other tree"
	files["usr/lib/modules/6.1/modules.order"] = "kernel/fs/overlay.ko\n"
	k := &Kernel{
		Packages: map[string]string{"amd64": "linux-image-x", "arm64": "linux-image-x"},
		Tars: map[string][]string{
			"small.tar":  {"virtio-net", "ext4", "absent?", "vendor/*.dtb", "none/*.dtb?"},
			"medium.tar": {"over*", "small.tar", "medium.tar"},
		},
	}
	r := Recipe{Dir: t.TempDir(), Layers: []Layer{{Kernel: k}}}
	p := newArchive(t).put("linux-image-6.1", makeDeb(t, "linux-image-6.1", files))
	l := &lockFile{Version: lockVersion, Release: debianRelease}
	for arch := range k.Packages {
		l.put(k.request(arch), arch, []lockedPackage{p})
	}
	data, err := l.encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(r.Dir, LockFile), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, plain
}

// content returns what a regular file of mode 0644 holds.
func fileText(t *testing.T, entries map[string]string, name string) string {
	t.Helper()
	text, ok := strings.CutPrefix(entries[name], "0 644 ")
	if !ok {
		t.Fatalf("no file %s among %d entries", name, len(entries))
	}
	return text
}

func TestKernel(t *testing.T) {
	r, plain := kernelRecipe(t, string(compresstest.Gzip(t, "kernel")))
	b := mustBuild(t, newStore(t), r, ocispec.Platform{OS: "linux", Architecture: "arm64"})
	files := b.layers[0]
	if got := fileText(t, files, "kernel"); got != "kernel" {
		t.Errorf("kernel of arm64 is %q", got)
	}
	if got := fileText(t, files, "config"); got != "CONFIG_RD_ZSTD=y\n" {
		t.Errorf("config is %q", got)
	}
	all, order := readTar(t, []byte(fileText(t, files, "kernel.tar")))
	if want := "boot/ boot/dtb/ boot/dtb/other/ boot/dtb/other/board.dtb boot/dtb/vendor/ boot/dtb/vendor/board.dtb lib/ lib/modules/ lib/modules/6.1/"; strings.Join(order[:9], " ") != want {
		t.Errorf("kernel.tar starts with %v", order[:9])
	}
	if dep := fileText(t, all, "lib/modules/6.1/modules.dep"); !strings.Contains(dep, "kernel/net/virtio_net.ko.xz: kernel/net/failover.ko.xz\n") || strings.Count(dep, "\n") != 4 {
		t.Errorf("modules.dep %q", dep)
	}
	small, _ := readTar(t, []byte(fileText(t, files, "small.tar")))
	if dep := fileText(t, small, "lib/modules/6.1/modules.dep"); dep != "kernel/net/failover.ko:\nkernel/net/virtio_net.ko: kernel/net/failover.ko\n" {
		t.Errorf("modules.dep of the small tar %q", dep)
	}
	if _, other := small["boot/dtb/other/board.dtb"]; other || fileText(t, small, "boot/dtb/vendor/board.dtb") != "tree" {
		t.Error("the small tar has other device trees than it should")
	}
	if got := fileText(t, small, "lib/modules/6.1/kernel/net/virtio_net.ko"); got != plain["kernel/net/virtio_net"] {
		t.Error("a module of the small tar is not the decompressed one")
	}
	medium, _ := readTar(t, []byte(fileText(t, files, "medium.tar")))
	if dep := fileText(t, medium, "lib/modules/6.1/modules.dep"); strings.Count(dep, "\n") != 3 || !strings.HasPrefix(dep, "kernel/fs/overlay.ko:\n") {
		t.Errorf("modules.dep of the medium tar %q", dep)
	}
}

func TestKernelAmd64(t *testing.T) {
	image := string(compresstest.Gzip(t, "kernel"))
	r, _ := kernelRecipe(t, image)
	s := newStore(t)
	b := mustBuild(t, s, r, ocispec.Platform{OS: "linux", Architecture: "amd64"})
	if got := fileText(t, b.layers[0], "kernel"); got != image {
		t.Errorf("kernel of amd64 was changed to %q", got)
	}
	if again := mustBuild(t, s, r, ocispec.Platform{OS: "linux", Architecture: "amd64"}); again.desc.Digest != b.desc.Digest {
		t.Error("the same inputs gave another image")
	}
}

func TestKernelErrors(t *testing.T) {
	r, _ := kernelRecipe(t, "kernel")
	_, err := Build(context.Background(), newStore(t), r, ocispec.Platform{OS: "linux", Architecture: "riscv64"})
	if err == nil || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("error %v", err)
	}
	for entry, want := range map[string]string{"absent": "no module absent", "vendor/absent.dtb": "no device tree vendor/absent.dtb"} {
		r.Layers[0].Kernel.Tars["small.tar"] = []string{entry}
		_, err = Build(context.Background(), newStore(t), r, ocispec.Platform{OS: "linux", Architecture: "amd64"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

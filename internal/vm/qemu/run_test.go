package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/vm"
)

// bench is a directory with an image, and programs in the PATH that are this
// test binary.
type bench struct {
	t      *testing.T
	config Config
	log    string
	out    console
}

func newBench(t *testing.T, how string, programs ...string) *bench {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake QEMU needs an inherited descriptor")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("FAKE", how)
	b := &bench{t: t, log: filepath.Join(dir, "log")}
	t.Setenv("FAKE_LOG", b.log)
	for _, p := range programs {
		if err := os.Symlink(self, filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"p-kernel", "p-initrd.img", "p-cmdline"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("console=ttyS0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prefix := filepath.Join(dir, "p")
	b.config = Config{Arch: "x86_64", Accel: "tcg", Image: vm.Image{Boot: vm.BootKernel, Path: prefix, Prefix: prefix}}
	return b
}

// console collects what the guest says and tells when it is READY.
type console struct {
	mu    sync.Mutex
	text  strings.Builder
	ready func()
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(p)
	if c.ready != nil && strings.Contains(c.text.String(), "READY") {
		c.ready()
		c.ready = nil
	}
	return len(p), nil
}

func (b *bench) run(ctx context.Context, force <-chan struct{}) error {
	return Run(ctx, b.config, Stdio{In: strings.NewReader("typed\n"), Out: &b.out, Force: force})
}

func (b *bench) read(suffix string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.log + suffix)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

const x86 = "qemu-system-x86_64"

func TestRunEnds(t *testing.T) {
	for how, want := range map[string]error{
		"poweroff": nil, "echo": nil,
		"crash": ErrQEMU, "killed": ErrQEMU,
		"signalled": ErrStopped,
		"panic":     ErrPanic, "panicked": ErrPanic,
	} {
		t.Run(how, func(t *testing.T) {
			err := newBench(t, how, x86).run(t.Context(), nil)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestErrorsSayWhy(t *testing.T) {
	for how, want := range map[string]string{
		"crash": "qemu-system-x86_64: exit status 1: -machine: no such thing",
		"panic": "no init", "killed": "signal: killed",
	} {
		err := newBench(t, how, x86).run(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", how, err, want)
		}
	}
}

func TestRunConnectsTheConsole(t *testing.T) {
	b := newBench(t, "echo", x86)
	if err := b.run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := b.out.text.String(); got != "typed\n" {
		t.Errorf("console: %q", got)
	}
}

func TestCancelShutsDown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, "", x86)
	b.out.ready = cancel
	if err := b.run(ctx, nil); err != nil {
		t.Errorf("a guest that shut down: %v", err)
	}
}

func TestCancelStopsDeafGuests(t *testing.T) {
	for _, how := range []string{"deaf", "frozen"} {
		ctx, cancel := context.WithCancel(t.Context())
		b := newBench(t, how, x86)
		b.out.ready = cancel
		b.config.Grace = 200 * time.Millisecond
		if err := b.run(ctx, nil); !errors.Is(err, ErrStopped) {
			t.Errorf("%s after the grace: got %v, want ErrStopped", how, err)
		}
	}
}

func TestSecondInterruptCutsTheGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, "deaf", x86)
	b.out.ready = cancel
	force := make(chan struct{})
	close(force)
	if err := b.run(ctx, force); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

func TestStateInUse(t *testing.T) {
	b := newBench(t, "poweroff", x86)
	s, err := vm.OpenState(b.config.Image.Prefix + "-state")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := b.run(t.Context(), nil); !errors.Is(err, vm.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	for arch, pkg := range map[string]string{"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm", "riscv64": "qemu-system-riscv"} {
		b := newBench(t, "")
		b.config.Arch = arch
		err := b.run(t.Context(), nil)
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "apt install "+pkg) {
			t.Errorf("%s: %v", arch, err)
		}
		if _, err := os.Stat(b.config.Image.Prefix + "-state"); err == nil {
			t.Error("the state directory was created all the same")
		}
	}
	b := newBench(t, "", x86)
	b.config.Disks = []vm.Disk{{SizeMB: 1}}
	if err := b.run(t.Context(), nil); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "qemu-utils") {
		t.Errorf("qemu-img: %v", err)
	}
}

func TestDisks(t *testing.T) {
	b := newBench(t, "poweroff", x86, "qemu-img")
	state := b.config.Image.Prefix + "-state/"
	old := filepath.Join(t.TempDir(), "old.img")
	if err := os.WriteFile(old, []byte("QFI\xfb..."), 0o644); err != nil {
		t.Fatal(err)
	}
	b.config.Disks = []vm.Disk{{SizeMB: 1024}, {SizeMB: 3, Format: "raw"}, {Path: old, SizeMB: 7}}
	b.config.Data = []byte("hello")
	if err := b.run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got, want := b.read(".img"), "create -q -f qcow2 -- "+state+"disk.img 1024M"; got != want {
		t.Errorf("qemu-img %s, want %s", got, want)
	}
	if fi, err := os.Stat(state + "disk1.img"); err != nil || fi.Size() != 3<<20 {
		t.Errorf("raw disk: %v, %v", fi, err)
	}
	for i, want := range []string{"format=qcow2,file=" + state + "disk.img", "format=raw,file=" + state + "disk1.img", "format=qcow2,file=" + old, "format=raw,readonly=on,file=" + state + "data.iso"} {
		if want = fmt.Sprintf("if=none,id=drive%d,%s", i, want); !strings.Contains(b.read(""), want) {
			t.Errorf("no %s in\n%s", want, b.read(""))
		}
	}
}

func TestDiskErrors(t *testing.T) {
	for name, d := range map[string]vm.Disk{"missing": {Path: "/does/not/exist"}, "directory": {Path: t.TempDir(), SizeMB: 1}} {
		b := newBench(t, "poweroff", x86)
		b.config.Disks = []vm.Disk{d}
		if err := b.run(t.Context(), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b := newBench(t, "crash", x86, "qemu-img")
	b.config.Disks = []vm.Disk{{SizeMB: 1}}
	if err := b.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("qemu-img's failure: %v", err)
	}
}

func TestShares(t *testing.T) {
	b := newBench(t, "poweroff", x86, "virtiofsd")
	b.config.State = filepath.Join(os.TempDir(), fmt.Sprintf("lk-%d", os.Getpid()))
	defer os.RemoveAll(b.config.State)
	b.config.Shares = []string{t.TempDir()}
	if err := b.run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	socket := b.config.State + "/virtiofs0"
	if got, want := b.read(".fs"), "--socket-path="+socket+" --shared-dir="+b.config.Shares[0]; got != want {
		t.Errorf("virtiofsd %s, want %s", got, want)
	}
	if !strings.Contains(b.read(""), "path="+socket) {
		t.Error(b.read(""))
	}
}

func TestShareErrors(t *testing.T) {
	b := newBench(t, "poweroff", x86)
	b.config.Shares = []string{t.TempDir()}
	b.config.Virtiofsd = "/does/not/exist"
	if err := b.run(t.Context(), nil); err == nil {
		t.Error("no virtiofsd: no error")
	}
	b = newBench(t, "crash", x86, "virtiofsd")
	b.config.State = filepath.Join(os.TempDir(), fmt.Sprintf("lk-%d", os.Getpid()))
	defer os.RemoveAll(b.config.State)
	b.config.Shares = []string{t.TempDir()}
	if err := b.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("virtiofsd that ends: %v", err)
	}
	b.config.State = filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := b.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("long path: %v", err)
	}
}

func TestNamedProgramIsUsed(t *testing.T) {
	b := newBench(t, "poweroff")
	self, _ := os.Executable()
	b.config.Binary = filepath.Join(t.TempDir(), "qemu-system-mine")
	if err := os.Symlink(self, b.config.Binary); err != nil {
		t.Fatal(err)
	}
	if err := b.run(t.Context(), nil); err != nil {
		t.Error(err)
	}
	b.config.Binary = "/does/not/exist"
	if err := b.run(t.Context(), nil); err == nil {
		t.Error("a missing program: no error")
	}
}

func TestFirmware(t *testing.T) {
	b := newBench(t, "poweroff", x86)
	dir := t.TempDir()
	for _, name := range []string{"CODE.fd", "VARS.fd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.config.UEFI, b.config.Firmware = true, filepath.Join(dir, "CODE.fd")
	if err := b.run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	vars := b.config.Image.Prefix + "-state/efivars-x86_64.fd"
	for _, want := range []string{"readonly=on,file=" + b.config.Firmware, "unit=1,format=raw,file=" + vars} {
		if !strings.Contains(b.read(""), want) {
			t.Errorf("no %s in\n%s", want, b.read(""))
		}
	}
	if got, err := os.ReadFile(vars); string(got) != "VARS.fd" {
		t.Errorf("variables: %q, %v", got, err)
	}
	b.config.Firmware = "/nope"
	if err := b.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "/nope") {
		t.Errorf("missing firmware: %v", err)
	}
}

func TestUBoot(t *testing.T) {
	code := filepath.Join(t.TempDir(), "u-boot.bin")
	if err := os.WriteFile(code, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := Config{Arch: "riscv64", UEFI: true, Firmware: code, Image: vm.Image{Boot: vm.BootDisk, Path: "d", Prefix: "d"}}
	if f, err := c.findFirmware(); err != nil || !f.program || f.code != code {
		t.Errorf("U-Boot is %+v, %v", f, err)
	}
	c.Arch = "aarch64"
	if f, err := c.findFirmware(); err != nil || f.program {
		t.Errorf("U-Boot as flash is %+v, %v", f, err)
	}
	c.Arch, c.Image.Boot = "riscv64", vm.BootKernel
	if _, err := c.findFirmware(); err == nil || !strings.Contains(err.Error(), "leave out --uefi") {
		t.Errorf("U-Boot and a kernel: %v", err)
	}
}

func TestSmallFirmwareIsPadded(t *testing.T) {
	s, err := vm.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	code := filepath.Join(t.TempDir(), "EFI.fd")
	if err := os.WriteFile(code, []byte("efi"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := firmware{code: code, size: 1 << 20}.install(t.Context(), s, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(f.code); err != nil || fi.Size() != 1<<20 {
		t.Errorf("%s: %v, %v", f.code, fi, err)
	}
}

func TestVirtualizes(t *testing.T) {
	for text, want := range map[string]bool{
		"flags\t\t: fpu vmx sse\n": true, "flags : svm\n": true, "flags : fpu vmxx\n": false, "vmx flags : vmx\n": false, "": false,
	} {
		path := filepath.Join(t.TempDir(), "cpuinfo")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := virtualizes("x86_64", path); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if !virtualizes("aarch64", "/does/not/exist") {
		t.Error("aarch64 has no such flag")
	}
}

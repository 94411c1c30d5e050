package qemu

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/vm"
)

func testSetup(c Config, accel string) *setup {
	c = c.withDefaults()
	return &setup{
		Config: c, machine: machines[c.Arch], accel: accel, uuid: "u", cmdline: "console=ttyS0",
		mac: net.HardwareAddr{2, 0, 0, 0, 0, 1}, pidfile: "p-state/qemu.pid", control: true,
		drives: bootDrives(c.Image, c.Arch),
	}
}

var kernelImage = vm.Image{Boot: vm.BootKernel, Path: "p", Prefix: "p"}

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		accel  string
		edit   func(*setup)
		want   []string // parts of the joined arguments
		absent []string
	}{
		{
			name: "x86_64 kernel", config: Config{Arch: "x86_64", Image: kernelImage, CPUs: 2, MemMB: 512}, accel: "tcg",
			want: []string{
				"-nodefaults -no-user-config -machine q35,smbus=off,vmport=off,sata=off,accel=tcg -smp 2 -m 512 -uuid u -pidfile p-state/qemu.pid -cpu max",
				"-kernel p-kernel -initrd p-initrd.img -append console=ttyS0 -display none -chardev stdio,id=console,mux=on,signal=off",
				"-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control -object rng-builtin,id=rng0 -device virtio-rng-pci,rng=rng0",
				"-netdev user,id=t0 -device virtio-net-pci,netdev=t0,mac=02:00:00:00:00:01,romfile=",
			},
			absent: []string{"-drive", "virtio-keyboard", "-usb"},
		},
		{name: "kvm", config: Config{Arch: "x86_64", Image: kernelImage}, accel: "kvm", want: []string{"accel=kvm ", "-cpu host"}},
		{name: "kvm or tcg", config: Config{Arch: "x86_64", Image: kernelImage}, accel: "kvm:tcg", want: []string{"accel=kvm:tcg ", "-cpu max"}},
		{
			name: "aarch64", config: Config{Arch: "aarch64", Image: kernelImage}, accel: "tcg",
			want:   []string{"-machine virt,gic-version=max,accel=tcg", "-cpu cortex-a57", "-device virtio-keyboard-pci"},
			absent: []string{"sata"},
		},
		{name: "aarch64 kvm", config: Config{Arch: "aarch64", Image: kernelImage}, accel: "kvm", want: []string{"-cpu host"}},
		{name: "riscv64", config: Config{Arch: "riscv64", Image: kernelImage}, accel: "tcg", want: []string{"-machine virt,accel=tcg"}, absent: []string{"-cpu", "-bios"}},
		{
			name: "s390x", config: Config{Arch: "s390x", Image: kernelImage}, accel: "tcg",
			want: []string{"-machine s390-ccw-virtio,accel=tcg", "sclpconsole,chardev=console", "virtio-rng-ccw", "virtio-net-ccw,netdev=t0,mac=02:00:00:00:00:01"}, absent: []string{"romfile"},
		},
		{
			name: "squashfs", config: Config{Arch: "x86_64", Image: vm.Image{Boot: vm.BootSquashfs, Path: "p", Prefix: "p"}}, accel: "tcg",
			want:   []string{"-append console=ttyS0 root=/dev/vda ", "-drive if=none,id=drive0,format=raw,readonly=on,file=p-squashfs.img -device virtio-blk-pci,drive=drive0"},
			absent: []string{"-initrd", "bootindex"},
		},
		{
			name: "erofs", config: Config{Arch: "riscv64", Image: vm.Image{Boot: vm.BootErofs, Path: "p", Prefix: "p"}}, accel: "tcg",
			edit: func(p *setup) { p.cmdline = "root=/dev/vda ro" },
			want: []string{"-append root=/dev/vda ro -", "readonly=on,file=p-erofs.img"},
		},
		{
			name: "iso on a PC", config: Config{Arch: "x86_64", Image: vm.Image{Boot: vm.BootISO, Path: "x.iso", Prefix: "x"}}, accel: "tcg",
			want: []string{"format=raw,media=cdrom,readonly=on,file=x.iso -device ide-cd,bus=ide.0,drive=drive0,bootindex=0"}, absent: []string{"sata=off", "-kernel"},
		},
		{
			name: "iso elsewhere", config: Config{Arch: "aarch64", Image: vm.Image{Boot: vm.BootISO, Path: "x.iso", Prefix: "x"}}, accel: "tcg",
			want: []string{"format=raw,readonly=on,file=x.iso -device virtio-blk-pci,drive=drive0,bootindex=0"},
		},
		{
			name: "disk", config: Config{Arch: "x86_64", Image: vm.Image{Boot: vm.BootDisk, Path: "a,b.qcow2", Prefix: "a,b.qcow2"}}, accel: "tcg",
			want: []string{"-drive if=none,id=drive0,format=qcow2,file=a,,b.qcow2 -device virtio-blk-pci,drive=drive0,bootindex=0"}, absent: []string{"-append"},
		},
		{
			name: "more drives", config: Config{Arch: "x86_64", Image: kernelImage}, accel: "tcg",
			edit: func(p *setup) { p.drives = []drive{{path: "a"}, {path: "data.iso", format: "raw", readOnly: true}} },
			want: []string{"id=drive0,file=a -device virtio-blk-pci,drive=drive0 -drive if=none,id=drive1,format=raw,readonly=on,file=data.iso"},
		},
		{
			name: "published ports", accel: "tcg",
			config: Config{Arch: "x86_64", Image: kernelImage, Publish: []vm.Publish{
				{Proto: "tcp", Host: 2222, Guest: 22},
				{Proto: "udp", Address: netip.MustParseAddr("127.0.0.1"), Host: 53, Guest: 54},
			}},
			want: []string{"-netdev user,id=t0,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-:54 "},
		},
		{name: "no network", config: Config{Arch: "x86_64", Image: kernelImage, Network: vm.Network{Mode: vm.NetNone}}, accel: "tcg", absent: []string{"-netdev", "virtio-net"}},
		{name: "tap", config: Config{Arch: "x86_64", Image: kernelImage, Network: vm.Network{Mode: vm.NetTap, Interface: "tap0"}}, accel: "tcg", want: []string{"-netdev tap,id=t0,ifname=tap0,script=no,downscript=no"}},
		{name: "bridge", config: Config{Arch: "x86_64", Image: kernelImage, Network: vm.Network{Mode: vm.NetBridge, Interface: "br0"}}, accel: "tcg", want: []string{"-netdev bridge,id=t0,br=br0"}},
		{
			name: "firmware", config: Config{Arch: "x86_64", Image: kernelImage}, accel: "tcg", edit: func(p *setup) { p.firmware = firmware{code: "c,d", vars: "v"} },
			want: []string{"-drive if=pflash,unit=0,format=raw,readonly=on,file=c,,d -drive if=pflash,unit=1,format=raw,file=v"},
		},
		{
			name: "firmware that is a program", config: Config{Arch: "riscv64", Image: vm.Image{Boot: vm.BootDisk, Path: "d", Prefix: "d"}}, accel: "tcg",
			edit: func(p *setup) { p.firmware = firmware{code: "u-boot.bin", program: true} },
			want: []string{"-kernel u-boot.bin "}, absent: []string{"pflash"},
		},
		{
			name: "usb and devices", config: Config{Arch: "x86_64", Image: kernelImage, USB: true, Devices: []string{"usb-host,vendorid=1", "x"}}, accel: "tcg",
			want: []string{"-usb -device usb-host,vendorid=1 -device x"},
		},
		{
			name: "gui", config: Config{Arch: "x86_64", Image: kernelImage, GUI: true}, accel: "tcg",
			want: []string{"-chardev vc,id=console", "-vga std"}, absent: []string{"-display none", "stdio"},
		},
		{
			name: "shares", config: Config{Arch: "x86_64", Image: kernelImage, MemMB: 300}, accel: "tcg", edit: func(p *setup) { p.sockets = []string{"s/virtiofs0", "s/virtiofs1"} },
			want: []string{
				"accel=tcg,memory-backend=mem", "-object memory-backend-memfd,id=mem,size=300M,share=on",
				"-chardev socket,id=share1,path=s/virtiofs1 -device vhost-user-fs-pci,chardev=share1,tag=virtiofs1",
			},
		},
		{name: "no control connection", config: Config{Arch: "x86_64", Image: kernelImage}, accel: "tcg", edit: func(p *setup) { p.control = false }, absent: []string{"qmp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testSetup(c.config, c.accel)
			if c.edit != nil {
				c.edit(p)
			}
			got := strings.Join(p.args(), " ") + " "
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("missing %q in\n%s", want, got)
				}
			}
			for _, absent := range c.absent {
				if strings.Contains(got, absent) {
					t.Errorf("%q in\n%s", absent, got)
				}
			}
		})
	}
}

func TestAccelFor(t *testing.T) {
	pc, kvmPC, mac := host{"linux", "x86_64", false}, host{"linux", "x86_64", true}, host{"darwin", "aarch64", false}
	for _, c := range []struct {
		guest, asked string
		host         host
		want         string
	}{
		{"x86_64", "", pc, "tcg"},
		{"x86_64", "", kvmPC, "kvm"},
		{"x86_64", "kvm:tcg", pc, "kvm:tcg"},
		{"x86_64", "tcg", kvmPC, "tcg"},
		{"aarch64", "", kvmPC, "tcg"},
		{"aarch64", "kvm", kvmPC, "tcg"},
		{"aarch64", "", mac, "hvf:tcg"},
		{"x86_64", "", mac, "tcg"},
	} {
		if got := accelFor(context.Background(), c.guest, c.asked, c.host); got != c.want {
			t.Errorf("guest %s, asked %q, %+v: got %s, want %s", c.guest, c.asked, c.host, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]Config{
		"architecture": {Arch: "mips"},
		"no CPU":       {CPUs: -1},
		"no memory":    {MemMB: -1},
		"ports":        {Network: vm.Network{Mode: vm.NetTap, Interface: "t"}, Publish: []vm.Publish{{}}},
		"disk":         {Disks: []vm.Disk{{}}},
		"share":        {Shares: []string{"/does/not/exist"}},
		"share a file": {Shares: []string{"args_test.go"}},
	} {
		c.Image = kernelImage
		if err := c.withDefaults().check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for arch := range machines {
		if err := (Config{Arch: arch}).withDefaults().check(); err != nil {
			t.Errorf("%s: %v", arch, err)
		}
	}
}

func TestPanicReason(t *testing.T) {
	reason, found := panicReason("[    2.1] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---")
	if want := "Attempted to kill init! exitcode=0x00000100"; !found || reason != want {
		t.Errorf("got %q, %v", reason, found)
	}
	if _, found := panicReason("[    2.1] Kernel panic - not syncing: x"); found {
		t.Error("a panic that may end in a reboot was taken for the end")
	}
}

func TestWatcherSeesLines(t *testing.T) {
	var lines []string
	var out strings.Builder
	w := &watcher{w: &out, line: func(l string) { lines = append(lines, l) }}
	for _, part := range []string{"a", "b\r\nc\n\n", strings.Repeat("x", 3*maxLine), "\nlast"} {
		w.Write([]byte(part))
	}
	if want := []string{"ab", "c", "", strings.Repeat("x", maxLine)}; !slices.Equal(lines, want) {
		t.Errorf("got %.60q", lines)
	}
	if out.Len() != len("ab\r\nc\n\n\nlast")+3*maxLine {
		t.Errorf("%d bytes passed on", out.Len())
	}
}

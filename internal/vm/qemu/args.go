package qemu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linuxkit/linuxkit/internal/vm"
)

// escape writes a value so that QEMU's option syntax takes it as it is.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// args are QEMU's arguments. The machine has no device that is not here.
func (p *setup) args() []string {
	args := []string{
		"-nodefaults", "-no-user-config",
		"-machine", p.machineArg(),
		"-smp", strconv.Itoa(p.CPUs), "-m", strconv.Itoa(p.MemMB),
		"-uuid", p.uuid, "-pidfile", p.pidfile,
	}
	if cpu := p.machine.cpuModel(p.accel); cpu != "" {
		args = append(args, "-cpu", cpu)
	}
	return slices.Concat(args,
		p.firmwareArgs(), p.kernelArgs(), p.consoleArgs(), p.controlArgs(),
		p.randomArgs(), p.driveArgs(), p.networkArgs(), p.shareArgs(), p.extraArgs(), p.Args)
}

func (p *setup) machineArg() string {
	arg := p.machine.name
	if p.Arch == "x86_64" && !slices.ContainsFunc(p.drives, func(d drive) bool { return d.cd }) {
		arg += ",sata=off"
	}
	arg += ",accel=" + escape(p.accel)
	if len(p.sockets) > 0 {
		arg += ",memory-backend=mem"
	}
	return arg
}

func (p *setup) firmwareArgs() []string {
	switch {
	case p.firmware.code == "":
		return nil
	case p.firmware.program:
		return []string{"-kernel", p.firmware.code}
	}
	args := []string{"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + escape(p.firmware.code)}
	if p.firmware.vars != "" {
		args = append(args, "-drive", "if=pflash,unit=1,format=raw,file="+escape(p.firmware.vars))
	}
	return args
}

func (p *setup) kernelArgs() []string {
	switch img := p.Image; img.Boot {
	case vm.BootKernel:
		return []string{"-kernel", img.Kernel(), "-initrd", img.Root(), "-append", p.cmdline}
	case vm.BootSquashfs, vm.BootErofs:
		args := []string{"-kernel", img.Kernel(), "-append", withRoot(p.cmdline)}
		if initrd := img.Initrd(); initrd != "" {
			args = append(args, "-initrd", initrd)
		}
		return args
	}
	return nil
}

// withRoot names the first disk as the root, unless the command line does.
func withRoot(cmdline string) string {
	if slices.ContainsFunc(strings.Fields(cmdline), func(f string) bool { return strings.HasPrefix(f, "root=") }) {
		return cmdline
	}
	return strings.TrimSpace(cmdline + " root=/dev/vda")
}

// consoleArgs put the console and, behind Ctrl-A C, QEMU's monitor on the
// standard streams. Ctrl-C goes to the guest.
func (p *setup) consoleArgs() []string {
	if p.GUI {
		return slices.Concat([]string{"-chardev", "vc,id=console"}, p.machine.console, p.machine.display, p.machine.keyboard)
	}
	return slices.Concat(
		[]string{"-display", "none", "-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console,mode=readline"},
		p.machine.console, p.machine.keyboard)
}

func (p *setup) controlArgs() []string {
	if !p.control {
		return nil
	}
	return []string{"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control"}
}

func (p *setup) randomArgs() []string {
	return []string{"-object", "rng-builtin,id=rng0", "-device", p.virtio("rng") + ",rng=rng0"}
}

func (p *setup) virtio(device string) string { return "virtio-" + device + "-" + p.machine.bus }

func (p *setup) driveArgs() []string {
	var args []string
	for i, d := range p.drives {
		id := fmt.Sprintf("drive%d", i)
		args = append(args, "-drive", d.option(id), "-device", p.driveDevice(d)+",drive="+id+bootIndex(d))
	}
	return args
}

func (d drive) option(id string) string {
	opt := "if=none,id=" + id
	if d.format != "" {
		opt += ",format=" + escape(d.format)
	}
	if d.cd {
		opt += ",media=cdrom"
	}
	if d.readOnly {
		opt += ",readonly=on"
	}
	return opt + ",file=" + escape(d.path)
}

func (p *setup) driveDevice(d drive) string {
	if d.cd {
		return "ide-cd,bus=ide.0"
	}
	return p.virtio("blk")
}

func bootIndex(d drive) string {
	if d.boot {
		return ",bootindex=0"
	}
	return ""
}

// networkArgs connect the machine. A PC's card comes without the boot ROM that
// QEMU would load for it.
func (p *setup) networkArgs() []string {
	if p.Network.Mode == vm.NetNone {
		return nil
	}
	device := p.virtio("net") + ",netdev=t0,mac=" + p.mac.String()
	if p.machine.bus == "pci" {
		device += ",romfile="
	}
	return []string{"-netdev", p.netdev(), "-device", device}
}

func (p *setup) netdev() string {
	switch p.Network.Mode {
	case vm.NetTap:
		return "tap,id=t0,ifname=" + escape(p.Network.Interface) + ",script=no,downscript=no"
	case vm.NetBridge:
		return "bridge,id=t0,br=" + escape(p.Network.Interface)
	}
	dev := "user,id=t0"
	for _, f := range p.Publish {
		dev += ",hostfwd=" + forward(f)
	}
	return dev
}

func forward(f vm.Publish) string {
	address := ""
	if f.Address.IsValid() {
		address = f.Address.String()
	}
	return fmt.Sprintf("%s:%s:%d-:%d", f.Proto, address, f.Host, f.Guest)
}

func (p *setup) shareArgs() []string {
	if len(p.sockets) == 0 {
		return nil
	}
	args := []string{"-object", fmt.Sprintf("memory-backend-memfd,id=mem,size=%dM,share=on", p.MemMB)}
	for i, socket := range p.sockets {
		args = append(args,
			"-chardev", fmt.Sprintf("socket,id=share%d,path=%s", i, escape(socket)),
			"-device", fmt.Sprintf("vhost-user-fs-%s,chardev=share%d,tag=virtiofs%d", p.machine.bus, i, i))
	}
	return args
}

func (p *setup) extraArgs() []string {
	var args []string
	if p.USB {
		args = append(args, p.machine.usb...)
	}
	for _, d := range p.Devices {
		args = append(args, "-device", d)
	}
	return args
}

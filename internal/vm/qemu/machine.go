package qemu

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// machine is what an architecture needs.
type machine struct {
	name     string   // value of -machine
	cpu      string   // under emulation; empty: the machine's default
	bus      string   // suffix of virtio devices
	keyboard []string // device by which the guest gets Ctrl-Alt-Del, unless the machine has one
	console  []string // devices of the console
	usb      []string
	display  []string // for a window
	firmware []firmware
	packages string // of Debian, that have QEMU
}

var (
	serialConsole = []string{"-serial", "chardev:console"}
	xhci          = []string{"-device", "qemu-xhci"}
	virtioDisplay = []string{"-device", "virtio-gpu-pci"}
	virtioKeys    = []string{"-device", "virtio-keyboard-pci"}
)

// machines: smbus and vmport of a PC only cost time at boot; its SATA
// controller is left out by machineArg. Emulating cmpxchg16b on several CPUs
// has crashed guests with QEMU 7.2.
var machines = map[string]machine{
	"x86_64": {
		name: "q35,smbus=off,vmport=off", cpu: "max,-cx16", bus: "pci",
		console: serialConsole, usb: []string{"-usb"}, display: []string{"-vga", "std"},
		firmware: x86Firmware, packages: "qemu-system-x86",
	},
	"aarch64": {
		name: "virt,gic-version=max", cpu: "cortex-a57", bus: "pci", keyboard: virtioKeys,
		console: serialConsole, usb: xhci, display: virtioDisplay,
		firmware: armFirmware, packages: "qemu-system-arm",
	},
	"riscv64": {
		name: "virt", bus: "pci", keyboard: virtioKeys,
		console: serialConsole, usb: xhci, display: virtioDisplay,
		firmware: riscvFirmware, packages: "qemu-system-riscv (qemu-system-misc before Debian 13)",
	},
	"s390x": {
		name: "s390-ccw-virtio", bus: "ccw", keyboard: []string{"-device", "virtio-keyboard-ccw"},
		console: []string{"-device", "sclpconsole,chardev=console"}, display: []string{"-device", "virtio-gpu-ccw"},
		packages: "qemu-system-s390x (qemu-system-misc before Debian 13)",
	},
}

func machineFor(arch string) (machine, error) {
	m, ok := machines[arch]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(machines)), ", ")
		return machine{}, fmt.Errorf("architecture %q: not supported by the qemu backend (known: %s)", arch, known)
	}
	return m, nil
}

// hardware tells whether the accelerators of a list like "kvm:tcg" all run
// the guest on the host's processor (only), and whether any of them does.
func hardware(accel string) (only, any bool) {
	only = true
	for _, a := range strings.Split(accel, ":") {
		hw := a != "" && a != "tcg"
		only, any = only && hw, any || hw
	}
	return only, any
}

// cpuModel picks the processor: the host's where it runs the guest, "max" where
// it may, and otherwise the model that is cheapest to emulate.
func (m machine) cpuModel(accel string) string {
	switch only, any := hardware(accel); {
	case only:
		return "host"
	case any:
		return "max"
	}
	return m.cpu
}

package qemu

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// host is what counts of this host when an accelerator is chosen.
type host struct {
	os   string // as in GOOS
	arch string // as in HostArch
	kvm  bool   // KVM works
}

func thisHost() host {
	arch := HostArch()
	return host{os: runtime.GOOS, arch: arch, kvm: kvmUsable() && virtualizes(arch, "/proc/cpuinfo")}
}

// accelFor settles the accelerators for a guest: those asked for, else the
// host's own if it works, else emulation. A guest of another architecture is
// always emulated.
func accelFor(ctx context.Context, guest, asked string, h host) string {
	if guest != h.arch {
		if _, any := hardware(asked); any {
			progress.Infof(ctx, "Emulating %s on %s, without %s", guest, h.arch, asked)
		}
		return "tcg"
	}
	switch {
	case asked != "":
		return asked
	case h.kvm:
		return "kvm"
	case h.os == "darwin":
		return "hvf:tcg"
	}
	return "tcg"
}

// virtualizes tells whether the processor can run guests: a PC inside a machine
// without nested virtualization often has a KVM device that does not work.
// Elsewhere the device is there only if it works.
func virtualizes(arch, cpuinfo string) bool {
	if arch != "x86_64" {
		return true
	}
	f, err := os.Open(cpuinfo)
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		if strings.TrimSpace(name) == "flags" {
			flags := strings.Fields(value)
			return slices.Contains(flags, "vmx") || slices.Contains(flags, "svm")
		}
	}
	return false
}

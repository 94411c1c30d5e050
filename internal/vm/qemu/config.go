package qemu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/linuxkit/linuxkit/internal/vm"
)

// Config says what to run. Only Image is needed.
type Config struct {
	Image vm.Image

	State   string        // directory of the machine's state; empty: the image's prefix and "-state"
	Arch    string        // x86_64, aarch64, riscv64 or s390x; empty: the host's
	Accel   string        // list as in "kvm:tcg"; empty: what works here
	Binary  string        // of QEMU; empty: qemu-system-<arch> of the PATH
	CPUs    int           // 0: 1
	MemMB   int           // in MiB; 0: 1024
	Grace   time.Duration // how long the guest may take to shut down; 0: 90 s
	Data    []byte        // user data for the guest; nil: none
	Disks   []vm.Disk     // missing files are created
	Devices []string      // further values of -device
	Args    []string      // further arguments of QEMU
	USB     bool          // add a USB controller
	GUI     bool          // a window instead of the console on the standard streams

	Network vm.Network
	Publish []vm.Publish // with vm.NetUser only

	UEFI     bool   // start by UEFI firmware instead of the machine's own
	Firmware string // its file; empty: where distributions put it

	Shares    []string // directories of the host, seen as virtiofs tags virtiofs0, virtiofs1...
	Virtiofsd string   // program that serves Shares; empty: where distributions put it
}

func (c Config) withDefaults() Config {
	if c.Arch == "" {
		c.Arch = HostArch()
	}
	if c.State == "" {
		c.State = c.Image.Prefix + "-state"
	}
	if c.CPUs == 0 {
		c.CPUs = 1
	}
	if c.MemMB == 0 {
		c.MemMB = 1024
	}
	if c.Grace == 0 {
		c.Grace = 90 * time.Second
	}
	if c.Network.Mode == "" {
		c.Network.Mode = vm.NetUser
	}
	return c
}

// HostArch is QEMU's name of the architecture of this host.
func HostArch() string {
	if a, ok := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]; ok {
		return a
	}
	return runtime.GOARCH
}

// check finds what is wrong with c by itself and with the files it names.
func (c Config) check() error {
	if _, err := machineFor(c.Arch); err != nil {
		return err
	}
	if c.CPUs < 1 || c.MemMB < 1 {
		return fmt.Errorf("machine with %d CPUs and %d MB of memory: both have to be positive", c.CPUs, c.MemMB)
	}
	if len(c.Publish) > 0 && c.Network.Mode != vm.NetUser {
		return fmt.Errorf("networking %s: ports can be published with networking user only", c.Network.Mode)
	}
	for _, d := range c.Disks {
		if d.Path == "" && d.SizeMB == 0 {
			return vm.ErrNoDisk
		}
	}
	return c.checkShares()
}

func (c Config) checkShares() error {
	for _, dir := range c.Shares {
		fi, err := os.Stat(dir)
		if err == nil && !fi.IsDir() {
			err = errors.New("not a directory")
		}
		if err != nil {
			return fmt.Errorf("directory to share %s: %w", dir, err)
		}
	}
	return nil
}

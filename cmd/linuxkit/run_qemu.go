package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/vm"
	"github.com/linuxkit/linuxkit/internal/vm/qemu"
)

// qemuFlags are the flags of "run qemu" as they are written.
type qemuFlags struct {
	cpus, mem int
	disks     []string

	accel, arch, binary, firmware, networking, state, virtiofsd string

	data, dataFile               string
	devices, publish, shares     []string
	detached, gui, uefi, usb     bool
	iso, kernel, squashfs, erofs bool
}

func newRunQemuCmd(a *app, o *qemuFlags, build buildFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "qemu [flags] <image>",
		Short: "Run an image with QEMU",
		Long: `Run an image with QEMU.

The image is the prefix of the files that "linuxkit build" made, a disk image, an
ISO image, or a configuration file, which is built first. What it is shows from the
files that exist; --kernel, --squashfs, --erofs and --iso decide it.

An interrupt asks the guest to shut down, a second one stops it at once. On a
terminal Ctrl-C goes to the guest; Ctrl-A X ends QEMU.`,
		Example: `  linuxkit run qemu linuxkit
  linuxkit run qemu --publish 127.0.0.1:8080:80 --disk size=1G linuxkit
  linuxkit run qemu --uefi linuxkit-efi.iso
  linuxkit run qemu --arch riscv64 --mem 512 linuxkit`,
		Args: runArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, a, build, args)
		},
	}
	o.register(cmd)
	return cmd
}

// register adds the flags to cmd; the flags of all backends are on its parent.
func (o *qemuFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.accel, "accel", "", "accelerators, as in kvm:tcg; tcg emulates (default $LINUXKIT_QEMU_ACCEL, else what works here)")
	f.StringVar(&o.arch, "arch", qemu.HostArch(), "architecture of the guest: x86_64, aarch64, riscv64 or s390x")
	f.StringVar(&o.data, "data", "", "user data for the guest")
	f.StringVar(&o.dataFile, "data-file", "", "file with user data for the guest")
	f.BoolVar(&o.detached, "detached", false, "not supported")
	f.StringArrayVar(&o.devices, "device", nil, "further device, driver[,prop=value...], as QEMU's -device; may be repeated")
	f.StringVar(&o.firmware, "fw", "", "UEFI firmware; implies --uefi (default: where distributions install it)")
	f.BoolVar(&o.gui, "gui", false, "open a window instead of using the standard streams as the console")
	f.BoolVar(&o.iso, "iso", false, "the image is an ISO image")
	f.BoolVar(&o.kernel, "kernel", false, "the image is the prefix of a kernel, an initrd and a command line")
	f.BoolVar(&o.squashfs, "squashfs", false, "the image is the prefix of a kernel, a squashfs root and a command line")
	f.BoolVar(&o.erofs, "erofs", false, "the image is the prefix of a kernel, an EROFS root and a command line")
	f.StringVar(&o.networking, "networking", "user", "user, tap,<interface>, bridge,<bridge> or none")
	f.StringArrayVar(&o.publish, "publish", nil, "publish a port of the guest, [address:]host:guest[/tcp|udp]; may be repeated")
	f.StringVar(&o.binary, "qemu", "", "QEMU program (default qemu-system-<arch>)")
	f.StringVar(&o.state, "state", "", "directory for the machine's state (default <image>-state)")
	f.BoolVar(&o.uefi, "uefi", false, "start with UEFI firmware")
	f.BoolVar(&o.usb, "usb", false, "add a USB controller")
	f.StringArrayVar(&o.shares, "virtiofs", nil, "directory to share with the guest, tag virtiofs<n>; may be repeated")
	f.StringVar(&o.virtiofsd, "virtiofsd", "", "virtiofsd program (default: where distributions install it)")
}

func (o *qemuFlags) run(cmd *cobra.Command, a *app, build buildFunc, args []string) error {
	c, err := o.config(cmd)
	if err != nil {
		return err
	}
	path, err := imagePath(cmd.Context(), build, c.Arch, args)
	if err != nil {
		return err
	}
	boot, err := o.boot()
	if err != nil {
		return err
	}
	if c.Image, err = vm.Detect(path, boot); err != nil {
		return err
	}
	force, stop := secondInterrupt(cmd.Context())
	defer stop()
	return qemu.Run(cmd.Context(), c, qemu.Stdio{In: a.stdin, Out: a.stdout, Err: a.stderr, Force: force})
}

// config reads the flags; what they name is checked later.
func (o *qemuFlags) config(cmd *cobra.Command) (c qemu.Config, err error) {
	if o.detached {
		return c, errors.New("--detached is not supported: QEMU runs in the foreground")
	}
	c = qemu.Config{
		State: o.state, Arch: o.arch, Accel: o.accel, Binary: o.binary, CPUs: o.cpus, MemMB: o.mem,
		Devices: o.devices, USB: o.usb, GUI: o.gui, UEFI: o.uefi || o.firmware != "", Firmware: o.firmware,
		Shares: o.shares, Virtiofsd: o.virtiofsd,
	}
	if !cmd.Flags().Changed("accel") {
		c.Accel = os.Getenv("LINUXKIT_QEMU_ACCEL")
	}
	if o.cpus < 1 || o.mem < 1 {
		return c, fmt.Errorf("--cpus %d --mem %d: both have to be positive", o.cpus, o.mem)
	}
	if c.Data, err = o.userData(cmd); err != nil {
		return c, err
	}
	return c, o.parse(&c)
}

func (o *qemuFlags) parse(c *qemu.Config) (err error) {
	if c.Network, err = vm.ParseNetwork(o.networking); err != nil {
		return err
	}
	for _, spec := range o.publish {
		p, err := vm.ParsePublish(spec)
		if err != nil {
			return err
		}
		c.Publish = append(c.Publish, p)
	}
	for _, spec := range o.disks {
		d, err := vm.ParseDisk(spec)
		if err != nil {
			return err
		}
		c.Disks = append(c.Disks, d)
	}
	return nil
}

func (o *qemuFlags) userData(cmd *cobra.Command) ([]byte, error) {
	data, file := cmd.Flags().Changed("data"), cmd.Flags().Changed("data-file")
	switch {
	case data && file:
		return nil, errors.New("--data and --data-file exclude each other")
	case data:
		return []byte(o.data), nil
	case file:
		content, err := os.ReadFile(o.dataFile)
		if err != nil {
			return nil, fmt.Errorf("user data: %w", err)
		}
		return content, nil
	}
	return nil, nil
}

// boot is what the flags say the image is.
func (o *qemuFlags) boot() (boot vm.Boot, err error) {
	for _, choice := range []struct {
		given bool
		boot  vm.Boot
	}{{o.iso, vm.BootISO}, {o.kernel, vm.BootKernel}, {o.squashfs, vm.BootSquashfs}, {o.erofs, vm.BootErofs}} {
		if !choice.given {
			continue
		}
		if boot != vm.BootDetect {
			return "", errors.New("--iso, --kernel, --squashfs and --erofs exclude each other")
		}
		boot = choice.boot
	}
	return boot, nil
}

// secondInterrupt returns a channel that is closed when another signal to end
// arrives after the one that ended ctx.
func secondInterrupt(ctx context.Context) (<-chan struct{}, func()) {
	force, done := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-done:
			return
		}
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(signals)
		select {
		case <-signals:
			close(force)
		case <-done:
		}
	}()
	return force, func() { close(done) }
}

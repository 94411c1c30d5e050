package qemu

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/linuxkit/linuxkit/internal/vm"
)

// setup is a checked configuration together with the facts of this host and of
// the state directory. The arguments follow from it alone.
type setup struct {
	Config
	machine  machine
	binary   string
	accel    string
	uuid     string
	mac      net.HardwareAddr
	cmdline  string // of the kernel, as the image has it
	drives   []drive
	firmware firmware
	sockets  []string // of the shared directories
	pidfile  string
	control  bool // QMP on file descriptor 3
}

// prepare gathers what does not need the state directory.
func prepare(ctx context.Context, c Config) (*setup, error) {
	p := &setup{Config: c, machine: machines[c.Arch], control: canControl}
	p.accel = accelFor(ctx, c.Arch, c.Accel, thisHost())
	p.uuid = uuid.NewString()
	var err error
	if p.binary, err = c.findBinary(); err != nil {
		return nil, err
	}
	if p.firmware, err = c.findFirmware(); err != nil {
		return nil, err
	}
	return p, p.readCmdline()
}

// place settles what is in the state directory, and writes what QEMU expects
// to find there except for new disks.
func (p *setup) place(ctx context.Context, s *vm.State) (err error) {
	p.pidfile = s.Path("qemu.pid")
	if p.firmware, err = p.firmware.install(ctx, s, p.Arch); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *vm.State) error{p.collectDrives, p.connect, p.placeSockets} {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (p *setup) readCmdline() error {
	if p.Image.Root() == "" {
		return nil
	}
	text, err := os.ReadFile(p.Image.Cmdline())
	if err != nil {
		return fmt.Errorf("kernel command line: %w", err)
	}
	p.cmdline = strings.TrimSpace(string(text))
	return nil
}

func (p *setup) collectDrives(ctx context.Context, s *vm.State) error {
	p.drives = bootDrives(p.Image, p.Arch)
	disks, err := userDrives(p.Disks, s)
	if err != nil {
		return err
	}
	p.drives = append(p.drives, disks...)
	if p.Data == nil {
		return nil
	}
	path, err := s.WriteData(ctx, p.Data)
	p.drives = append(p.drives, drive{path: path, format: "raw", readOnly: true})
	return err
}

func (p *setup) connect(ctx context.Context, s *vm.State) (err error) {
	if p.Network.Mode != vm.NetNone {
		p.mac, err = s.MAC(ctx)
	}
	return err
}

// maxSocket is how long the path of a socket may be; Linux takes 107 bytes,
// macOS 103.
const maxSocket = 103

func (p *setup) placeSockets(_ context.Context, s *vm.State) error {
	for i := range p.Shares {
		path := s.Path(fmt.Sprintf("virtiofs%d", i))
		if len(path) > maxSocket {
			return fmt.Errorf("socket %s: the path is longer than %d bytes; choose a shorter directory with --state", path, maxSocket)
		}
		p.sockets = append(p.sockets, path)
	}
	return nil
}

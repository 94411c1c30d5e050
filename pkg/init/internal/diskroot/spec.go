package diskroot

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
)

// Spec is what the command line of the kernel says about the root.
type Spec struct {
	// Device is the value of root=: a path, major:minor, or LABEL=, UUID=,
	// PARTUUID= or PARTLABEL= and a value.
	Device string
	// Type is that of the file system; empty means to look.
	Type string
	// Options are those of the mount.
	Options string
	// Wait is how long the device may take to appear; 0 is for ever.
	Wait time.Duration
	// Init is the program to go on with.
	Init string
}

// patience is how long a device may take if nothing else is said.
const patience = 30 * time.Second

var errNoRoot = errors.New("this initramfs is for a root on a disk: name it with root= on the command line of the kernel")

// ParseSpec reads root, rootfstype, rootflags, rootwait and init.
func ParseSpec(line kcmd.Line) (Spec, error) {
	s := Spec{
		Device: line.Value("root"), Type: line.Value("rootfstype"), Options: line.Value("rootflags"),
		Wait: patience, Init: line.Value("init"),
	}
	if s.Device == "" {
		return s, errNoRoot
	}
	if s.Init == "" {
		s.Init = "/sbin/init"
	}
	if line.Has("rootwait") {
		s.Wait = 0
	}
	if text := line.Value("rootwait"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return s, fmt.Errorf("rootwait=%s on the command line of the kernel is no number of seconds", text)
		}
		s.Wait = time.Duration(seconds) * time.Second
	}
	return s, nil
}

package vm

import (
	"fmt"
	"strings"
)

// Mode says how a machine is connected.
type Mode string

// The modes.
const (
	NetUser   Mode = "user"   // addresses behind the emulator; only published ports are reachable
	NetTap    Mode = "tap"    // an existing tap interface
	NetBridge Mode = "bridge" // an existing bridge
	NetNone   Mode = "none"
)

// Network is how a machine is connected. The zero value is NetUser.
type Network struct {
	Mode      Mode
	Interface string // of the host, for NetTap and NetBridge
}

// ParseNetwork reads "user", "tap,<interface>", "bridge,<bridge>" or "none".
// The empty string and "default" mean user.
func ParseNetwork(s string) (Network, error) {
	mode, arg, _ := strings.Cut(s, ",")
	switch n := (Network{Mode: Mode(mode), Interface: arg}); n.Mode {
	case "", "default", NetUser:
		return Network{Mode: NetUser}, nil
	case NetNone:
		return Network{Mode: NetNone}, nil
	case NetTap, NetBridge:
		if strings.Trim(arg, ", ") == "" || strings.Contains(arg, ",") {
			return Network{}, fmt.Errorf("networking %q: name the interface of the host, %s,<name>", s, mode)
		}
		return n, nil
	}
	return Network{}, fmt.Errorf("networking %q: invalid mode %q (known: user, tap, bridge, none)", s, mode)
}

package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// capabilityNames are those of capabilities(7), in numeric order.
var capabilityNames = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
	"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Capabilities checks a list of capabilities and returns it. A list of one
// element may be "all", which stands for every capability, or "none".
func Capabilities(list []string) ([]string, error) {
	if len(list) == 1 {
		switch strings.ToLower(list[0]) {
		case "all":
			return slices.Clone(capabilityNames), nil
		case "none":
			return nil, nil
		}
	}
	for _, name := range list {
		if !slices.Contains(capabilityNames, name) {
			return nil, fmt.Errorf("unknown capability %q; names are like CAP_NET_ADMIN, and \"all\" or \"none\" must stand alone", name)
		}
	}
	return list, nil
}

func fileMode(mode int64) *fs.FileMode {
	m := fs.FileMode(mode)
	return &m
}

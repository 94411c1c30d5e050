package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ParseBind parses "source:destination[:option,...]". Without options the bind
// is read-write, recursive and shared; with options, "rbind" is appended.
func ParseBind(s string) (Mount, error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[1] == "" {
		return Mount{}, fmt.Errorf("bind %q is not of the form source:destination[:option,...]", s)
	}
	m := Mount{Type: "bind", Source: parts[0], Destination: parts[1], Options: []string{"rw", "rbind", "rshared"}}
	if len(parts) == 3 {
		m.Options = append(strings.Split(parts[2], ","), "rbind")
	}
	return m, nil
}

// ParseTmpfs parses "destination[:option,...]".
func ParseTmpfs(s string) (Mount, error) {
	destination, options, found := strings.Cut(s, ":")
	if destination == "" || strings.Contains(options, ":") {
		return Mount{}, fmt.Errorf("tmpfs %q is not of the form destination[:option,...]", s)
	}
	m := Mount{Type: "tmpfs", Source: "tmpfs", Destination: destination}
	if found {
		m.Options = strings.Split(options, ",")
	}
	return m, nil
}

// ownDestination maps the types of mounts that have a usual place to it.
var ownDestination = map[string]string{
	"proc": "/proc", "devpts": "/dev/pts", "sysfs": "/sys", "cgroup": "/sys/fs/cgroup", "mqueue": "/dev/mqueue",
}

// CompleteMount fills in what follows from the rest of a mount: its type, its
// source and its destination.
func CompleteMount(m Mount) (Mount, error) {
	if m.Type == "" {
		switch _, known := ownDestination[m.Source]; {
		case known:
			m.Type = m.Source
		case m.Destination == "/dev":
			m.Type = "tmpfs"
		default:
			return m, fmt.Errorf("mount of %q on %q: missing type", m.Source, m.Destination)
		}
	}
	if m.Source == "" {
		m.Source = m.Type
	}
	if m.Destination == "" {
		if m.Destination = ownDestination[m.Type]; m.Destination == "" {
			return m, fmt.Errorf("mount of type %q: missing destination", m.Type)
		}
	}
	return m, nil
}

// Unlimited is the value of a resource limit that is not one.
const Unlimited = ^uint64(0)

// rlimitNames are the resources of getrlimit(2).
var rlimitNames = []string{
	"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
	"RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
	"RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
}

// ParseRlimit parses "name,soft,hard". The name may be in any case and without
// "RLIMIT_"; a value is a decimal number or "unlimited".
func ParseRlimit(s string) (specs.POSIXRlimit, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q is not of the form name,soft,hard", s)
	}
	name := strings.ToUpper(strings.TrimSpace(parts[0]))
	if !strings.HasPrefix(name, "RLIMIT_") {
		name = "RLIMIT_" + name
	}
	if !slices.Contains(rlimitNames, name) {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: unknown limit %s", s, name)
	}
	soft, err := parseLimit(parts[1])
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: soft limit %w", s, err)
	}
	hard, err := parseLimit(parts[2])
	if err != nil {
		return specs.POSIXRlimit{}, fmt.Errorf("rlimit %q: hard limit %w", s, err)
	}
	return specs.POSIXRlimit{Type: name, Soft: soft, Hard: hard}, nil
}

func parseLimit(s string) (uint64, error) {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, "unlimited") {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor \"unlimited\"", s)
	}
	return n, nil
}

// ParseDevice returns the node to make, or nil if the device stands for a
// whole class, and the rule that allows its use.
func ParseDevice(d Device) (*specs.LinuxDevice, specs.LinuxDeviceCgroup, error) {
	rule := specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Access: "rwm"}
	if d.Path == "all" {
		return nil, rule, nil
	}
	rule.Major, rule.Minor = &d.Major, &d.Minor
	mode, err := ParseMode(d.Mode)
	if err != nil {
		return nil, rule, fmt.Errorf("device %q: %w", d.Path, err)
	}
	return &specs.LinuxDevice{
		Path: d.Path, Type: d.Type, Major: d.Major, Minor: d.Minor, FileMode: fileMode(mode),
	}, rule, nil
}

// ParseMode parses the octal digits of a file mode, such as "0644".
func ParseMode(s string) (int64, error) {
	mode, err := strconv.ParseUint(s, 8, 16)
	if err != nil || mode > 0o7777 {
		return 0, fmt.Errorf("mode %q is not one to four octal digits, such as \"0644\"", s)
	}
	return int64(mode), nil
}

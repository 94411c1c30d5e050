package runtimespec

import (
	"cmp"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

// linux returns what is particular to Linux containers.
func linux(c *config.ImageConfig) (*specs.Linux, error) {
	l := &specs.Linux{
		UIDMappings:       idMappings(value(c.UIDMappings)),
		GIDMappings:       idMappings(value(c.GIDMappings)),
		Sysctl:            value(c.Sysctl),
		Resources:         resources(c.Resources),
		CgroupsPath:       value(c.CgroupsPath),
		Namespaces:        namespaces(c),
		RootfsPropagation: value(c.RootfsPropagation),
		MaskedPaths:       value(c.MaskedPaths),
		ReadonlyPaths:     value(c.ReadonlyPaths),
	}
	for _, d := range value(c.Devices) {
		device, rule, err := config.ParseDevice(d)
		if err != nil {
			return nil, err
		}
		if device != nil {
			l.Devices = append(l.Devices, *device)
		}
		l.Resources.Devices = append(l.Resources.Devices, rule)
	}
	return l, nil
}

// resources returns limits that the caller may change.
func resources(r *config.Resources) *specs.LinuxResources {
	if r == nil {
		return &specs.LinuxResources{}
	}
	return &specs.LinuxResources{
		Devices: append([]specs.LinuxDeviceCgroup(nil), r.Devices...),
		Memory:  r.Memory, CPU: r.CPU, Pids: r.Pids, BlockIO: r.BlockIO,
		HugepageLimits: r.HugepageLimits, Network: r.Network,
	}
}

// namespaces returns those that the container does not share with the host.
func namespaces(c *config.ImageConfig) []specs.LinuxNamespace {
	var list []specs.LinuxNamespace
	add := func(kind specs.LinuxNamespaceType, setting string) {
		switch setting {
		case "host", "root":
		case "new":
			list = append(list, specs.LinuxNamespace{Type: kind})
		default:
			list = append(list, specs.LinuxNamespace{Type: kind, Path: setting})
		}
	}
	net := c.Net
	if net == "none" {
		net = "new"
	}
	add(specs.NetworkNamespace, cmp.Or(net, "host"))
	add(specs.IPCNamespace, cmp.Or(c.Ipc, "host"))
	add(specs.UTSNamespace, cmp.Or(c.Uts, "host"))
	add(specs.PIDNamespace, cmp.Or(c.Pid, "new"))
	add(specs.UserNamespace, cmp.Or(c.Userns, "host"))
	add(specs.MountNamespace, "new")
	return list
}

package runtimespec

import (
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

func defaultMounts(readonly bool) []config.Mount {
	dev := []string{"nosuid", "strictatime", "mode=755", "size=65536k"}
	sys := []string{"nosuid", "noexec", "nodev"}
	if readonly {
		dev, sys = append(dev, "ro"), append(sys, "ro")
	}
	return []config.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "nodev", "noexec", "relatime"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: dev},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}
}

// mounts returns the mounts of a container sorted by destination. Of several
// with the same the last counts: defaults, tmpfs, binds, mounts.
func (in *Input) mounts() ([]specs.Mount, error) {
	c := &in.Container.ImageConfig
	all := defaultMounts(value(c.Readonly))
	for _, parse := range []func() ([]config.Mount, error){in.tmpfs, in.binds, in.fullMounts} {
		more, err := parse()
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	table := make(map[string]specs.Mount, len(all))
	for _, m := range all {
		table[m.Destination] = specMount(m)
	}
	sorted := make([]specs.Mount, 0, len(table))
	for _, destination := range slices.Sorted(maps.Keys(table)) {
		sorted = append(sorted, table[destination])
	}
	return sorted, nil
}

func (in *Input) tmpfs() (mounts []config.Mount, err error) {
	for _, s := range value(in.Container.Tmpfs) {
		m, err := config.ParseTmpfs(s)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func (in *Input) binds() (mounts []config.Mount, err error) {
	for _, s := range value(in.Container.Binds) {
		m, err := config.ParseBind(s)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func (in *Input) fullMounts() (mounts []config.Mount, err error) {
	for _, m := range value(in.Container.Mounts) {
		if m, err = config.CompleteMount(m); err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

func specMount(m config.Mount) specs.Mount {
	return specs.Mount{
		Destination: m.Destination, Type: m.Type, Source: m.Source, Options: m.Options,
		UIDMappings: idMappings(m.UIDMappings), GIDMappings: idMappings(m.GIDMappings),
	}
}

func idMappings(list []config.IDMapping) []specs.LinuxIDMapping {
	var mappings []specs.LinuxIDMapping
	for _, m := range list {
		mappings = append(mappings, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return mappings
}

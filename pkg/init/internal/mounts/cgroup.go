package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// Cgroup2 is the unified hierarchy of control groups.
var Cgroup2 = Mount{Source: "cgroup2", Target: cgroupRoot, Type: "cgroup2", Flags: locked}

// Cgroups mounts the control groups: one hierarchy, or with legacy one for each
// controller that the kernel has enabled, as version 1 wants it.
func Cgroups(legacy bool) error {
	if !legacy {
		return Cgroup2.Do()
	}
	raw, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return err
	}
	base := Mount{Source: "cgroup_root", Target: cgroupRoot, Type: "tmpfs", Flags: locked, Data: "mode=755,size=10m"}
	if err := base.Do(); err != nil {
		return err
	}
	return hierarchies(parseControllers(string(raw)))
}

func hierarchies(controllers []string) error {
	var failed []error
	add := func(name, data string) {
		m := Mount{Source: "cgroup", Target: filepath.Join(cgroupRoot, name), Type: "cgroup", Flags: locked, Data: data}
		if err := os.Mkdir(m.Target, 0o555); err != nil {
			failed = append(failed, err)
			return
		}
		if err := m.Do(); err != nil {
			failed = append(failed, err)
			// Programs take the directory for the controller.
			_ = unix.Rmdir(m.Target)
		}
	}
	for _, c := range controllers {
		add(c, c)
	}
	// Newer kernels always account for children; the file is gone there.
	_ = os.WriteFile(filepath.Join(cgroupRoot, "memory/memory.use_hierarchy"), []byte("1"), 0)
	add("systemd", "none,name=systemd")
	return errors.Join(failed...)
}

// parseControllers returns the enabled controllers of /proc/cgroups: name,
// hierarchy, number of groups, and 1 when enabled, between tabs.
func parseControllers(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) >= 4 && !strings.HasPrefix(f[0], "#") && f[3] == "1" {
			names = append(names, f[0])
		}
	}
	return names
}

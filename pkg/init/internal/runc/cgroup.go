package runc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cgroups are the directories of the control groups of a process.
type cgroups []string

// cgroupsOf looks up the groups of a process, which may have ended but must not
// have been waited for. Not to know them is to know none.
func cgroupsOf(pid int) cgroups {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil
	}
	return parseCgroups(string(raw), "/sys/fs/cgroup")
}

// parseCgroups reads lines "number:controllers:path" of cgroups(7). The root
// group is left out: it is not the container's.
func parseCgroups(text, base string) cgroups {
	var dirs cgroups
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || parts[2] == "/" {
			continue
		}
		dirs = append(dirs, filepath.Join(base, strings.TrimPrefix(parts[1], "name="), parts[2]))
	}
	return dirs
}

// populated tells whether a process is left in one of the groups.
func (c cgroups) populated() bool {
	for _, dir := range c {
		if raw, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err == nil && len(raw) > 0 {
			return true
		}
	}
	return false
}

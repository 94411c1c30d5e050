package mounts

import (
	"os"
	"strings"
)

// kernelTypes are the file system types that the kernel has now, without those
// it could load.
func kernelTypes() map[string]bool {
	raw, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return nil
	}
	return parseTypes(string(raw))
}

// parseTypes reads lines of an optional "nodev", a tab and a type.
func parseTypes(text string) map[string]bool {
	types := map[string]bool{}
	for line := range strings.Lines(text) {
		_, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && name != "" {
			types[name] = true
		}
	}
	return types
}

// HasType tells whether the kernel has a file system type now.
func HasType(name string) bool { return kernelTypes()[name] }

// Late returns the mounts that become possible when the kernel has got a
// module, which it names with underscores.
func Late(module string) []Mount {
	if module == "fuse" {
		module = "fusectl"
	}
	var late []Mount
	for _, m := range Kernel {
		if m.Optional && m.Type == module {
			late = append(late, m)
		}
	}
	return late
}

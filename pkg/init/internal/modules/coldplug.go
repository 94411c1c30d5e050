package modules

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Devices returns the aliases of all devices below sys, the directory /sys, by
// bus and name.
func Devices(sys string) []string {
	var aliases []string
	buses, _ := os.ReadDir(filepath.Join(sys, "bus"))
	for _, bus := range buses {
		dir := filepath.Join(sys, "bus", bus.Name(), "devices")
		devices, _ := os.ReadDir(dir)
		for _, device := range devices {
			if alias := readLine(dir + "/" + device.Name() + "/modalias"); alias != "" {
				aliases = append(aliases, alias)
			}
		}
	}
	return aliases
}

// readLine reads a small file of the kernel with as few system calls as can be.
func readLine(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var buf [4096]byte // the kernel's attributes are a page at most
	n, err := unix.Read(fd, buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	return strings.TrimSpace(string(buf[:n]))
}

// Listed returns the names in the modules-load.d directories below root: one a
// line, comments begin with # or ;.
func Listed(root string) []string {
	var names []string
	seen := map[string]bool{}
	for _, dir := range []string{"etc/modules-load.d", "run/modules-load.d", "usr/lib/modules-load.d"} {
		files, _ := filepath.Glob(filepath.Join(root, dir, "*.conf"))
		for _, file := range files {
			if base := filepath.Base(file); !seen[base] {
				seen[base] = true
				text, _ := os.ReadFile(file)
				names = append(names, list(string(text))...)
			}
		}
	}
	return names
}

func list(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && line[0] != ';' {
			names = append(names, line)
		}
	}
	return names
}

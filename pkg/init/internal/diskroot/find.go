package diskroot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errAbsent says that a device is not there, or not yet.
var errAbsent = errors.New("there is no such device")

// finder finds devices below root, the directory / of a system.
type finder struct{ root string }

func (f finder) path(name string) string { return filepath.Join(f.root, name) }

// find returns the path of the device that spec names, as root= has it, and
// what is on it. The error wraps errAbsent if waiting may help.
func (f finder) find(spec string) (string, Super, error) {
	key, value, _ := strings.Cut(spec, "=")
	tagged := value != ""
	switch {
	case strings.HasPrefix(spec, "/dev/"):
		return f.look(spec)
	case tagged && (key == "LABEL" || key == "UUID"):
		return f.search(func(_ string, s Super) bool {
			return key == "LABEL" && s.Label == value || key == "UUID" && strings.EqualFold(s.UUID, value)
		})
	case tagged && (key == "PARTUUID" || key == "PARTLABEL"):
		word := map[string]string{"PARTUUID": "PARTUUID", "PARTLABEL": "PARTNAME"}[key]
		return f.search(func(name string, _ Super) bool { return strings.EqualFold(f.attribute(name, word), value) })
	}
	if major, minor, ok := strings.Cut(spec, ":"); ok && digits(major) && digits(minor) {
		target, err := os.Readlink(f.path("/sys/dev/block/" + spec))
		if err != nil {
			return "", Super{}, errAbsent
		}
		return f.look("/dev/" + filepath.Base(target))
	}
	return "", Super{}, fmt.Errorf("root=%s is neither a path below /dev, nor major:minor, nor LABEL=, UUID=, PARTUUID= or PARTLABEL=", spec)
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// look reads one device.
func (f finder) look(path string) (string, Super, error) {
	file, err := os.Open(f.path(path))
	if err != nil {
		return "", Super{}, fmt.Errorf("%w: %w", errAbsent, err)
	}
	defer file.Close()
	// A drive may need a while until it reads its medium.
	s, err := ReadSuper(file)
	if err != nil {
		return "", Super{}, fmt.Errorf("%w: %w", errAbsent, err)
	}
	return path, s, nil
}

// search returns the first device that is wanted. Disks come in the order of
// their names.
func (f finder) search(wanted func(name string, s Super) bool) (string, Super, error) {
	for _, name := range f.names() {
		path, s, err := f.look("/dev/" + name)
		if err == nil && wanted(name, s) {
			return path, s, nil
		}
	}
	return "", Super{}, errAbsent
}

// names are those of all block devices.
func (f finder) names() []string {
	entries, _ := os.ReadDir(f.path("/sys/class/block"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// attribute returns a word that the kernel says about a device.
func (f finder) attribute(name, word string) string {
	text, err := os.ReadFile(f.path("/sys/class/block/" + name + "/uevent"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, word+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

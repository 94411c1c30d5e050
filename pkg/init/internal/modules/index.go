package modules

import (
	"bytes"
	"path"
	"strings"
)

// index tells the lines of modules.dep by the name of the module.
type index map[string][]byte

// indexDep reads lines "path: path path…", where a module needs those after the
// colon, the last of them first.
func indexDep(text []byte) index {
	x := index{}
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, newline)
		if file, _, ok := bytes.Cut(line, colon); ok {
			x[nameOf(string(file))] = line
		}
	}
	return x
}

var colon = []byte{':'}

// files returns the files of a module in the order in which to load them, the
// module's own last; nil when there is no such module.
func (x index) files(name string) []string {
	line, ok := x[name]
	if !ok {
		return nil
	}
	own, needs, _ := strings.Cut(string(line), ":")
	needed := strings.Fields(needs)
	files := make([]string, 0, len(needed)+1)
	for i := len(needed) - 1; i >= 0; i-- {
		files = append(files, needed[i])
	}
	return append(files, own)
}

// nameOf returns the name of the module in a file such as
// kernel/drivers/net/virtio-net.ko.xz.
func nameOf(file string) string {
	name := path.Base(file)
	if i := strings.Index(name, ".ko"); i >= 0 {
		name = name[:i]
	}
	return canonical(name)
}

// compressed tells whether the kernel has to unpack a file.
func compressed(file string) bool { return path.Ext(file) != ".ko" }

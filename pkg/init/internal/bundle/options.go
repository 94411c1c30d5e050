package bundle

import (
	"strings"

	"golang.org/x/sys/unix"
)

// flag is the effect of a word on the flags of mount(2).
type flag struct {
	clear bool
	bits  uintptr
}

var flagWords = map[string]flag{
	"async":         {true, unix.MS_SYNCHRONOUS},
	"atime":         {true, unix.MS_NOATIME},
	"bind":          {false, unix.MS_BIND},
	"dev":           {true, unix.MS_NODEV},
	"diratime":      {true, unix.MS_NODIRATIME},
	"dirsync":       {false, unix.MS_DIRSYNC},
	"exec":          {true, unix.MS_NOEXEC},
	"mand":          {false, unix.MS_MANDLOCK},
	"noatime":       {false, unix.MS_NOATIME},
	"nodev":         {false, unix.MS_NODEV},
	"nodiratime":    {false, unix.MS_NODIRATIME},
	"noexec":        {false, unix.MS_NOEXEC},
	"nomand":        {true, unix.MS_MANDLOCK},
	"norelatime":    {true, unix.MS_RELATIME},
	"nostrictatime": {true, unix.MS_STRICTATIME},
	"nosuid":        {false, unix.MS_NOSUID},
	"rbind":         {false, unix.MS_BIND | unix.MS_REC},
	"relatime":      {false, unix.MS_RELATIME},
	"remount":       {false, unix.MS_REMOUNT},
	"ro":            {false, unix.MS_RDONLY},
	"rw":            {true, unix.MS_RDONLY},
	"strictatime":   {false, unix.MS_STRICTATIME},
	"suid":          {true, unix.MS_NOSUID},
	"sync":          {false, unix.MS_SYNCHRONOUS},
}

// propagationWords need a mount(2) of their own: the kernel takes no other flag
// beside them.
var propagationWords = map[string]uintptr{
	"private":     unix.MS_PRIVATE,
	"rprivate":    unix.MS_PRIVATE | unix.MS_REC,
	"rshared":     unix.MS_SHARED | unix.MS_REC,
	"rslave":      unix.MS_SLAVE | unix.MS_REC,
	"runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
	"shared":      unix.MS_SHARED,
	"slave":       unix.MS_SLAVE,
	"unbindable":  unix.MS_UNBINDABLE,
}

// options is a list of mount options, sorted by what the kernel does with them.
type options struct {
	flags       uintptr
	propagation []uintptr
	data        string
	// dirs are the paths that an overlay expects to exist.
	dirs []string
}

func parseOptions(words []string) options {
	var o options
	var data []string
	for _, word := range words {
		if f, ok := flagWords[word]; ok {
			if f.clear {
				o.flags &^= f.bits
			} else {
				o.flags |= f.bits
			}
			continue
		}
		if p, ok := propagationWords[word]; ok {
			o.propagation = append(o.propagation, p)
			continue
		}
		if word == "defaults" || word == "" {
			continue // means nothing to a file system
		}
		data = append(data, word)
		if key, path, ok := strings.Cut(word, "="); ok && (key == "upperdir" || key == "workdir") {
			o.dirs = append(o.dirs, path)
		}
	}
	o.data = strings.Join(data, ",")
	return o
}

// call is one mount(2), without its target.
type call struct {
	source, fstype string
	flags          uintptr
	data           string
}

// calls returns the system calls that bring a mount about.
func (m Mount) calls(o options) []call {
	var list []call
	// "remount" beside a propagation asks for the propagation alone. A remount
	// without flags would reset those of the file system.
	if !(o.flags == unix.MS_REMOUNT && len(o.propagation) > 0 && o.data == "") && !m.onlyPropagation(o) {
		list = append(list, call{m.Source, m.Type, o.flags, o.data})
		list = append(list, bindFlags(o.flags)...)
	}
	for _, p := range o.propagation {
		list = append(list, call{flags: p})
	}
	return list
}

func (m Mount) onlyPropagation(o options) bool {
	return len(o.propagation) > 0 && o.flags == 0 && o.data == "" && m.Source == "" && m.Type == ""
}

// bindFlags is the second step of a bind mount with flags, which the kernel
// ignores in the first.
func bindFlags(flags uintptr) []call {
	const keep = unix.MS_BIND | unix.MS_REC
	if flags&unix.MS_BIND == 0 || flags&unix.MS_REMOUNT != 0 || flags&^keep == 0 {
		return nil
	}
	return []call{{flags: flags&^unix.MS_REC | unix.MS_REMOUNT}}
}

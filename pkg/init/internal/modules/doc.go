// Package modules finds and loads modules of the kernel, as modprobe does.
//
// It reads the text files that depmod writes below /lib/modules and the
// directories of modprobe.d, for: alias, blacklist, options and softdep. It
// refuses the install and remove commands of modprobe.d, since there is no
// shell to run them, and it never unloads.
//
// A hyphen and an underscore are the same in names and aliases.
package modules

import "strings"

// canonical writes a module's name or an alias the way the kernel writes names.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

func same(c byte) byte {
	if c == '-' {
		return '_'
	}
	return c
}

package modules

import (
	"os"
	"path/filepath"
	"strings"
)

// softdep are modules that should be there before or after another, if they can.
type softdep struct{ pre, post []string }

// conf is what modprobe.d and the kernel's command line say.
type conf struct {
	aliases   [][2]string // pattern and module
	blacklist map[string]bool
	options   map[string][]string
	softdeps  map[string]softdep
}

func newConf() *conf {
	return &conf{
		blacklist: map[string]bool{},
		options:   map[string][]string{},
		softdeps:  map[string]softdep{},
	}
}

// confDirs are read in this order; a file hides those of the same name in
// later directories.
var confDirs = []string{"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"}

// readDirs reads the *.conf files below root.
func (c *conf) readDirs(root string) {
	seen := map[string]bool{}
	for _, dir := range confDirs {
		entries, _ := os.ReadDir(filepath.Join(root, dir))
		for _, e := range entries {
			if seen[e.Name()] || !strings.HasSuffix(e.Name(), ".conf") {
				continue
			}
			seen[e.Name()] = true
			if text, err := os.ReadFile(filepath.Join(root, dir, e.Name())); err == nil {
				c.parse(string(text))
			}
		}
	}
}

// parse reads commands, one a line. A backslash at the end joins lines.
func (c *conf) parse(text string) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if f := strings.Fields(line); len(f) > 1 && !strings.HasPrefix(f[0], "#") {
			c.command(f[0], canonical(f[1]), f[1:])
		}
	}
}

func (c *conf) command(verb, name string, args []string) {
	switch verb {
	case "alias":
		if len(args) > 1 {
			c.aliases = append(c.aliases, [2]string{args[0], args[1]})
		}
	case "blacklist":
		c.blacklist[name] = true
	case "options":
		c.options[name] = append(c.options[name], args[1:]...)
	case "softdep":
		c.softdep(name, args[1:])
	}
}

func (c *conf) softdep(name string, words []string) {
	d := c.softdeps[name]
	var list *[]string
	for _, w := range words {
		switch {
		case w == "pre:":
			list = &d.pre
		case w == "post:":
			list = &d.post
		case list != nil:
			*list = append(*list, canonical(w))
		}
	}
	c.softdeps[name] = d
}

// commandLine takes the words "module.parameter=value" and the list
// modprobe.blacklist= from the command line of the kernel.
func (c *conf) commandLine(words []string) {
	for _, w := range words {
		if list, ok := strings.CutPrefix(w, "modprobe.blacklist="); ok {
			for name := range strings.SplitSeq(list, ",") {
				c.blacklist[canonical(name)] = true
			}
			continue
		}
		name, _, _ := strings.Cut(w, "=")
		module, parameter, ok := strings.Cut(name, ".")
		if ok && module != "" && parameter != "" {
			module = canonical(module)
			c.options[module] = append(c.options[module], w[len(module)+1:])
		}
	}
}

package output

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// rootPlan says what goes into an initrd that mounts the root.
type rootPlan struct {
	links   map[string]string // names of small programs, to what they lead to
	indexes map[string]string // lists of modules by file name
	version string            // of the kernel, as its directory of modules is called
	init    string            // the file that is /init
	files   map[string]bool   // modules, below the directory
	names   map[string]bool   // their names
}

const (
	modulesDir = "lib/modules/"
	maxIndex   = 64 << 20
)

// indexFiles are the lists that finding a module takes. In all of them one line
// is about one module.
var indexFiles = []string{"modules.dep", "modules.alias", "modules.softdep", "modules.builtin"}

// look takes notice of an entry of the system.
func (p *rootPlan) look(e *rootfs.Entry) error {
	name := e.Header.Name
	if dir, file := path.Split(name); strings.HasPrefix(dir, modulesDir) && slices.Contains(indexFiles, file) && strings.Count(dir, "/") == 3 {
		return p.readIndex(path.Base(dir), file, e)
	}
	if dir := path.Dir(name); dir != "." && dir != "bin" && dir != "sbin" && dir != "usr/bin" && dir != "usr/sbin" || e.Header.Typeflag == tar.TypeDir {
		return nil
	}
	if p.links == nil {
		p.links = map[string]string{}
	}
	p.links[name] = ""
	switch target := e.Header.Linkname; {
	case e.Header.Typeflag == tar.TypeLink:
		p.links[name] = target
	case e.Header.Typeflag == tar.TypeSymlink && path.IsAbs(target):
		p.links[name] = target[1:]
	case e.Header.Typeflag == tar.TypeSymlink:
		p.links[name] = path.Join(path.Dir(name), target)
	}
	return nil
}

func (p *rootPlan) readIndex(version, file string, e *rootfs.Entry) error {
	if p.version != "" && p.version != version {
		return fmt.Errorf("there are modules of the kernels %s and %s: take one away", p.version, version)
	}
	if p.indexes == nil {
		p.indexes = map[string]string{}
	}
	p.version = version
	if e.Content == nil {
		return nil
	}
	if e.Header.Size > maxIndex {
		return fmt.Errorf("%s has %d bytes, more than %d", e.Header.Name, e.Header.Size, maxIndex)
	}
	text, err := io.ReadAll(e.Content)
	p.indexes[file] = string(text)
	return err
}

// choose decides what goes in, which must include a module if one is given.
func (p *rootPlan) choose(needed string) error {
	p.init = "init"
	for range 8 {
		target, ok := p.links[p.init]
		if !ok {
			return errNoInit
		}
		if target == "" {
			break
		}
		p.init = target
	}
	if p.version == "" {
		return fmt.Errorf("the kernel image has no modules; kernel.tar must not be \"none\"")
	}
	p.chooseModules()
	if needed != "" && !p.names[needed] {
		return fmt.Errorf("the system has no module %s; name a tarball in kernel.tar that has it", needed)
	}
	return nil
}

// chooseModules takes those of rootModules that are there, what they need, and
// what they load besides.
func (p *rootPlan) chooseModules() {
	p.files, p.names = map[string]bool{}, map[string]bool{}
	deps := map[string]string{}
	for line := range strings.Lines(p.indexes["modules.dep"]) {
		if file, _, ok := strings.Cut(line, ":"); ok {
			deps[moduleName(file)] = strings.TrimSpace(line)
		}
	}
	soft := softdeps(p.indexes["modules.softdep"])
	queue := slices.Clone(rootModules)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		line, ok := deps[name]
		if !ok || p.names[name] {
			continue
		}
		p.names[name] = true
		own, needs, _ := strings.Cut(line, ":")
		p.files[own] = true
		for file := range strings.FieldsSeq(needs) {
			queue = append(queue, moduleName(file))
		}
		queue = append(queue, soft[name]...)
	}
}

// softdeps reads lines "softdep name pre: a b post: c".
func softdeps(text string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "softdep" {
			continue
		}
		name := moduleName(words[1])
		for _, w := range words[2:] {
			if w != "pre:" && w != "post:" {
				all[name] = append(all[name], moduleName(w))
			}
		}
	}
	return all
}

// moduleName is the name of a module, given that or a file.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// index returns what of a list is about the chosen modules.
func (p *rootPlan) index(file string) []byte {
	var kept bytes.Buffer
	for line := range strings.Lines(p.indexes[file]) {
		if file == "modules.builtin" || p.names[p.subject(file, line)] {
			kept.WriteString(line)
		}
	}
	return kept.Bytes()
}

// subject returns the module that a line is about.
func (p *rootPlan) subject(file, line string) string {
	words := strings.Fields(line)
	switch {
	case file == "modules.dep":
		own, _, _ := strings.Cut(line, ":")
		return moduleName(own)
	case file == "modules.alias" && len(words) == 3:
		return moduleName(words[2])
	case file == "modules.softdep" && len(words) > 1:
		return moduleName(words[1])
	}
	return ""
}

// rootWriter writes what a plan says.
type rootWriter struct {
	enc  *encoder
	plan *rootPlan
	dirs map[string]bool
}

// begin writes all but copies of the system's files.
func (w *rootWriter) begin() error {
	w.dirs = map[string]bool{}
	for _, dir := range []string{"dev", "proc", "sys", "run", "sbin"} {
		if err := w.dir(dir); err != nil {
			return err
		}
	}
	link := &rootfs.Entry{Header: &tar.Header{
		Typeflag: tar.TypeSymlink, Name: "sbin/modprobe", Linkname: "/init", Mode: 0o777, ModTime: rootfs.GeneratedTime,
	}, Links: 1}
	if err := w.enc.entry(link); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(w.plan.indexes)) {
		text := w.plan.index(file)
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: w.plan.place(file), Mode: 0o644, Size: int64(len(text)), ModTime: rootfs.GeneratedTime,
		}
		if err := w.file(&rootfs.Entry{Header: h, Content: bytes.NewReader(text)}); err != nil {
			return err
		}
	}
	return nil
}

// place is the path of a file of the directory of modules.
func (p *rootPlan) place(file string) string { return modulesDir + p.version + "/" + file }

// copy writes an entry of the system if it is wanted.
func (w *rootWriter) copy(e *rootfs.Entry) error {
	name := e.Header.Name
	file, isModule := strings.CutPrefix(name, w.plan.place(""))
	switch {
	case name == w.plan.init:
		e.Header.Name = "init"
	case !isModule || !w.plan.files[file]:
		return nil
	}
	return w.file(e)
}

// file writes a regular file and the directories above it.
func (w *rootWriter) file(e *rootfs.Entry) error {
	if e.Header.Typeflag != tar.TypeReg {
		return fmt.Errorf("%s is no regular file", e.Header.Name)
	}
	for i, c := range e.Header.Name {
		if c == '/' {
			if err := w.dir(e.Header.Name[:i]); err != nil {
				return err
			}
		}
	}
	e.Links = 1
	return w.enc.entry(e)
}

func (w *rootWriter) dir(name string) error {
	if w.dirs[name] {
		return nil
	}
	w.dirs[name] = true
	return w.enc.entry(plainDir(name))
}

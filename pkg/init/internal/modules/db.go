package modules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotFound says that no module has a name or an alias.
var ErrNotFound = errors.New("no such module")

// DB knows the modules of one kernel. It is for a few loads in a row and not
// kept: its files are read when first needed and never again. It is not for
// concurrent use.
type DB struct {
	root, dir string
	conf      *conf
	deps      index
	builtin   map[string]bool
	tried     map[string]error
	insert    func(file, params string) error
}

// Open prepares for the running kernel. The words are those of the kernel's
// command line, which may hold parameters for modules.
func Open(words []string) (*DB, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	return open("/", unix.ByteSliceToString(u.Release[:]), words), nil
}

func open(root, release string, words []string) *DB {
	d := &DB{
		root:   root,
		dir:    filepath.Join(root, "lib/modules", release),
		conf:   newConf(),
		tried:  map[string]error{},
		insert: insert,
	}
	if text, err := os.ReadFile(filepath.Join(d.dir, "modules.softdep")); err == nil {
		d.conf.parse(string(text))
	}
	d.conf.readDirs(root)
	d.conf.commandLine(words)
	return d
}

// Find returns the modules for aliases, in their order and without those that
// are blacklisted. Devices without a driver are common and no error.
func (d *DB) Find(aliases []string) []string {
	w := want(aliases)
	for _, a := range d.conf.aliases {
		w.add([]byte(a[0]), []byte(a[1]))
	}
	if text, err := os.ReadFile(filepath.Join(d.dir, "modules.alias")); err == nil {
		w.scan(text)
	}
	var found []string
	for _, m := range w.in(aliases) {
		if !d.conf.blacklist[m] {
			found = append(found, m)
		}
	}
	return found
}

// Probe loads what a name stands for: a module, or else an alias of some.
// What is built into the kernel or loaded already is fine. Extra parameters
// follow those that are configured.
func (d *DB) Probe(name string, params ...string) error {
	name = canonical(name)
	if d.known(name) {
		return d.load(name, params)
	}
	found := d.Find([]string{name})
	if len(found) == 0 {
		if d.isBuiltin(name) {
			return nil
		}
		return fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return d.LoadAll(found, params...)
}

// LoadAll loads modules, with what they need, and goes on after a failure. A
// driver that finds no device for it is no failure: aliases promise little.
func (d *DB) LoadAll(names []string, params ...string) error {
	var failed []error
	for _, name := range names {
		if err := d.load(name, params); err != nil && !errors.Is(err, unix.ENODEV) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// File returns the path of a module below its directory, such as
// kernel/fs/xfs/xfs.ko.xz, or "" when there is no such module.
func (d *DB) File(name string) string {
	file, _, _ := strings.Cut(string(d.index()[canonical(name)]), ":")
	return file
}

// Blacklisted tells whether a module must not be loaded on its own account.
func (d *DB) Blacklisted(name string) bool { return d.conf.blacklist[canonical(name)] }

func (d *DB) index() index {
	if d.deps == nil {
		text, _ := os.ReadFile(filepath.Join(d.dir, "modules.dep"))
		d.deps = indexDep(text)
	}
	return d.deps
}

func (d *DB) known(name string) bool { return d.index()[name] != nil }

func (d *DB) isBuiltin(name string) bool {
	if d.builtin == nil {
		d.builtin = map[string]bool{}
		text, _ := os.ReadFile(filepath.Join(d.dir, "modules.builtin"))
		for file := range strings.FieldsSeq(string(text)) {
			d.builtin[nameOf(file)] = true
		}
	}
	return d.builtin[name]
}

package modules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// load loads one module and all around it. Every module is tried once, which
// also ends circles of soft dependencies.
func (d *DB) load(name string, params []string) error {
	if err, ok := d.tried[name]; ok {
		return err
	}
	d.tried[name] = nil
	soft := d.conf.softdeps[name]
	d.loadSoft(soft.pre)
	err := d.loadFiles(name, params)
	d.tried[name] = err
	if err == nil {
		d.loadSoft(soft.post)
	}
	return err
}

// loadSoft loads modules that another can do without.
func (d *DB) loadSoft(names []string) {
	for _, name := range names {
		_ = d.Probe(name)
	}
}

func (d *DB) loadFiles(name string, params []string) error {
	files := d.index().files(name)
	if files == nil {
		if d.isBuiltin(name) {
			return nil
		}
		return fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	for _, file := range files[:len(files)-1] {
		if err := d.load(nameOf(file), nil); err != nil {
			return fmt.Errorf("%s needs %w", name, err)
		}
	}
	if d.live(name) {
		return nil
	}
	options := append(append([]string{}, d.conf.options[name]...), params...)
	file := filepath.Join(d.dir, files[len(files)-1])
	if err := d.insert(file, strings.Join(options, " ")); err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

// live tells whether a module is loaded and has finished its start, or is built
// in.
func (d *DB) live(name string) bool {
	dir := filepath.Join(d.root, "sys/module", name)
	state, err := os.ReadFile(filepath.Join(dir, "initstate"))
	if err != nil {
		_, err = os.Stat(dir)
		return err == nil
	}
	return strings.TrimSpace(string(state)) == "live"
}

// insert gives a file to the kernel, which unpacks it if need be.
func insert(file, params string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	flags := 0
	if compressed(file) {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	err = unix.FinitModule(fd, params, flags)
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil
	case flags != 0 && errors.Is(err, unix.EOPNOTSUPP):
		return errors.New("the kernel cannot unpack modules: store them uncompressed")
	}
	return err
}

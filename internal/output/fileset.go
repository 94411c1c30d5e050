package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileSet writes the files of one format where nobody sees them and gives them
// their names together.
type fileSet struct {
	prefix   string
	suffixes []string
	// temps maps a suffix to the file that will become it.
	temps map[string]*os.File
}

func newFileSet(prefix string, suffixes []string) *fileSet {
	return &fileSet{prefix: prefix, suffixes: suffixes, temps: map[string]*os.File{}}
}

// write makes the file with that suffix from what fn writes.
func (s *fileSet) write(suffix string, fn func(f *os.File) error) error {
	f, err := createTemp(s.prefix + suffix)
	if err != nil {
		return err
	}
	s.temps[suffix] = f
	if err := fn(f); err != nil {
		return err
	}
	return f.Chmod(0o644)
}

// commit gives all written files their names. Files of an earlier run for
// which this one has no content are removed.
func (s *fileSet) commit() ([]string, error) {
	var names []string
	for _, suffix := range s.suffixes {
		name := s.prefix + suffix
		f, ok := s.temps[suffix]
		if !ok {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			continue
		}
		delete(s.temps, suffix)
		if err := publish(f, name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// discard removes what was written and not committed.
func (s *fileSet) discard() {
	for _, f := range s.temps {
		dropTemp(f)
	}
}

// createTemp makes a temporary file in the directory of name: without a name
// of its own where the system can do that, so that nothing is left if the
// process is killed.
func createTemp(name string) (*os.File, error) {
	dir, base := filepath.Split(name)
	dir = filepath.Clean(dir + ".")
	if f, err := createUnnamed(dir); err == nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, "."+base+".tmp-*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w; the output directory must exist and be writable", name, err)
	}
	return f, nil
}

// publish closes a temporary file and names it, in the place of whatever had
// that name.
func publish(f *os.File, name string) error {
	temp, err := nameTemp(f, name)
	if err != nil {
		dropTemp(f)
		return fmt.Errorf("create %s: %w", name, err)
	}
	// A file that had no name should not have its hidden one for long: if the
	// process is killed in between, that stays. Others are renamed closed,
	// as not every system renames open files.
	if temp != f.Name() {
		return errors.Join(rename(temp, name), f.Close())
	}
	if err := f.Close(); err != nil {
		os.Remove(temp)
		return err
	}
	return rename(temp, name)
}

// rename removes the file if it cannot get its name.
func rename(temp, name string) error {
	err := os.Rename(temp, name)
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// WriteFile makes the file of that name from what fn writes. It appears only
// if fn returns nil; an existing file stays as it is otherwise. What is there
// and no file, such as a pipe or a device, is written to; symbolic links are
// followed.
func WriteFile(name string, fn func(w io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeInto(name, fn)
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	s := newFileSet(name, []string{""})
	defer s.discard()
	if err := s.write("", func(f *os.File) error { return fn(f) }); err != nil {
		return err
	}
	_, err := s.commit()
	return err
}

// writeInto writes to something that must not be replaced.
func writeInto(name string, fn func(w io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(fn(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

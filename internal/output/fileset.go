package output

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileSet writes the files of one format under temporary names and gives them
// their final names together.
type fileSet struct {
	prefix   string
	suffixes []string
	// temps maps a suffix to the temporary file that will become it.
	temps map[string]string
}

func newFileSet(prefix string, suffixes []string) *fileSet {
	return &fileSet{prefix: prefix, suffixes: suffixes, temps: map[string]string{}}
}

// write makes the file with that suffix from what fn writes.
func (s *fileSet) write(suffix string, fn func(w io.Writer) error) (err error) {
	f, err := createTemp(s.prefix + suffix)
	if err != nil {
		return err
	}
	s.temps[suffix] = f.Name()
	if err := fn(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// commit renames all written files. Files of an earlier run for which this one
// has no content are removed.
func (s *fileSet) commit() ([]string, error) {
	var names []string
	for _, suffix := range s.suffixes {
		name := s.prefix + suffix
		temp, ok := s.temps[suffix]
		if !ok {
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				return nil, err
			}
			continue
		}
		if err := os.Rename(temp, name); err != nil {
			return nil, err
		}
		delete(s.temps, suffix)
		names = append(names, name)
	}
	return names, nil
}

// discard removes what was written and not committed.
func (s *fileSet) discard() {
	for _, temp := range s.temps {
		os.Remove(temp)
	}
}

// createTemp makes a hidden temporary file beside name.
func createTemp(name string) (*os.File, error) {
	dir, base := filepath.Split(name)
	f, err := os.CreateTemp(filepath.Clean(dir+"."), "."+base+".tmp-*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w; the output directory must exist and be writable", name, err)
	}
	return f, nil
}

// WriteFile makes the file of that name from what fn writes. It appears only
// if fn returns nil; an existing file stays as it is otherwise.
func WriteFile(name string, fn func(w io.Writer) error) error {
	s := newFileSet(name, []string{""})
	defer s.discard()
	if err := s.write("", fn); err != nil {
		return err
	}
	_, err := s.commit()
	return err
}

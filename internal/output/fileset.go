package output

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
)

// fileSet writes the files of one format where nobody sees them and gives them
// their names together.
type fileSet struct {
	prefix   string
	suffixes []string
	// temps maps a suffix to the file that will become it.
	temps map[string]*atomicfile.File
}

func newFileSet(prefix string, suffixes []string) *fileSet {
	return &fileSet{prefix: prefix, suffixes: suffixes, temps: map[string]*atomicfile.File{}}
}

// write makes the file with that suffix from what fn writes.
func (s *fileSet) write(suffix string, fn func(f *os.File) error) error {
	f, err := s.create(suffix)
	if err != nil {
		return err
	}
	return fn(f)
}

func (s *fileSet) create(suffix string) (*os.File, error) {
	f, err := createOutput(s.prefix + suffix)
	if err != nil {
		return nil, err
	}
	s.temps[suffix] = f
	return f.File, nil
}

// commit gives all written files their names. Files of an earlier run for
// which this one has no content are removed.
func (s *fileSet) commit(ctx context.Context) ([]string, error) {
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
		if err := f.Commit(ctx); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// discard removes what was written and not committed.
func (s *fileSet) discard() {
	for _, f := range s.temps {
		f.Close()
	}
}

// createOutput starts an output. Those are large, share their blocks with the
// cache where they can, and can be made again: nobody waits for the disk.
func createOutput(name string) (*atomicfile.File, error) {
	f, err := atomicfile.Create(name, 0o644)
	if err == nil {
		f.Volatile = true
	}
	return f, err
}

package builder

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// tree is the content of a layer to be: entries by clean relative path.
type tree struct {
	entries map[string]*node
	spool   *spool
}

// node is a file of a tree. Several names of one node are hard links.
type node struct {
	typeflag byte
	mode     int64 // permission bits with setuid, setgid and sticky
	uid, gid int
	linkname string // target of a symbolic link
	size     int64
	open     func() (io.ReadCloser, error) // regular files; nil when empty
}

func newTree() *tree { return &tree{entries: map[string]*node{}, spool: &spool{}} }

func (t *tree) Close() error { return t.spool.Close() }

func directory(mode int64) *node { return &node{typeflag: tar.TypeDir, mode: mode} }

// plain tells whether a directory is as those made for want of anything better.
func (n *node) plain() bool { return n.mode == 0o755 && n.uid == 0 && n.gid == 0 }

func symlink(target string) *node {
	return &node{typeflag: tar.TypeSymlink, mode: 0o777, linkname: target}
}

func bytesFile(mode int64, data []byte) *node {
	return &node{typeflag: tar.TypeReg, mode: mode, size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// add puts n at name. A directory keeps what is below it; anything else
// replaces what was there.
func (t *tree) add(name string, n *node) {
	if n.typeflag != tar.TypeDir {
		t.remove(name)
	}
	t.entries[name] = n
}

func (t *tree) remove(name string) {
	old := t.entries[name]
	delete(t.entries, name)
	if old == nil || old.typeflag != tar.TypeDir {
		return
	}
	for other := range t.entries {
		if strings.HasPrefix(other, name+"/") {
			delete(t.entries, other)
		}
	}
}

// addParents makes the directories above every entry.
func (t *tree) addParents() error {
	for _, name := range slices.Collect(maps.Keys(t.entries)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			n := t.entries[dir]
			if n == nil {
				t.entries[dir] = directory(0o755)
			} else if n.typeflag != tar.TypeDir {
				return fmt.Errorf("%s cannot be put below %s, which is no directory", name, dir)
			}
		}
	}
	return nil
}

// names returns all paths in the order of the archive: sorted by bytes, which
// puts a directory before what it holds.
func (t *tree) names() []string { return slices.Sorted(maps.Keys(t.entries)) }

// spool keeps the content of files in one temporary file while a tree is made.
type spool struct {
	f   *os.File
	end int64
}

// put stores r and returns its size and a way to read it back.
func (s *spool) put(r io.Reader) (int64, func() (io.ReadCloser, error), error) {
	return s.fill(func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// fill stores what a function writes. What was stored before can be read
// meanwhile; nothing else can be stored.
func (s *spool) fill(write func(io.Writer) error) (int64, func() (io.ReadCloser, error), error) {
	if s.f == nil {
		f, err := os.CreateTemp("", "linuxkit-layer-*")
		if err != nil {
			return 0, nil, fmt.Errorf("make a temporary file: %w", err)
		}
		s.f = f
	}
	start := s.end
	w := bufio.NewWriterSize(s.f, 1<<20)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return 0, nil, err
	}
	if s.end, err = s.f.Seek(0, io.SeekCurrent); err != nil {
		return 0, nil, err
	}
	n := s.end - start
	return n, func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(s.f, start, n)), nil }, nil
}

func (s *spool) Close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	if rm := os.Remove(s.f.Name()); err == nil {
		err = rm
	}
	s.f = nil
	return err
}

package rootfs

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/config"
)

const filesSource = "linuxkit.files"

// fileSegment describes entry i of the files section.
func (p *planner) fileSegment(i int, f *config.File) (*Segment, error) {
	w, err := p.newFileWriter(f)
	if err != nil {
		return nil, fmt.Errorf("files[%d] %s: %w", i, f.Path, err)
	}
	s := &Segment{Source: filesSource, Location: fmt.Sprintf("files[%d]", i)}
	s.walk = func(_ context.Context, t *Tree, emit Emit) error { return w.write(t, emit) }
	return s, nil
}

type fileWriter struct {
	file     *config.File
	name     string
	mode     int64
	uid, gid int
	metadata []byte
}

func (p *planner) newFileWriter(f *config.File) (*fileWriter, error) {
	w := &fileWriter{file: f}
	var err error
	if w.name, err = cleanName(f.Path); err != nil {
		return nil, err
	}
	if w.mode, err = fileMode(f); err != nil {
		return nil, err
	}
	if w.uid, err = p.owner(f.UID); err != nil {
		return nil, err
	}
	if w.gid, err = p.owner(f.GID); err != nil {
		return nil, err
	}
	if f.Metadata != "" {
		w.metadata, err = p.metadata(f.Metadata)
	}
	return w, err
}

func fileMode(f *config.File) (int64, error) {
	switch {
	case f.Mode != "":
		return config.ParseMode(f.Mode)
	case f.Directory:
		return 0o700, nil
	default:
		return 0o600, nil
	}
}

func (p *planner) owner(id *config.ID) (int, error) {
	if id == nil {
		return 0, nil
	}
	n, err := p.ids(*id)
	return int(n), err
}

func (w *fileWriter) write(t *Tree, emit Emit) error {
	f := w.file
	if f.Source != "" {
		return w.writeSource(t, emit)
	}
	if err := w.leading(t, emit); err != nil {
		return err
	}
	switch {
	case f.Directory:
		return emit(w.own(dirEntry(w.name, w.mode)))
	case f.Symlink != "":
		return emit(w.own(symlinkEntry(w.name, f.Symlink, w.mode)))
	case f.Metadata != "":
		return emit(w.own(fileEntry(w.name, w.mode, w.metadata)))
	default:
		return emit(w.own(fileEntry(w.name, w.mode, []byte(*f.Contents))))
	}
}

// writeSource emits a file whose content is a local file.
func (w *fileWriter) writeSource(t *Tree, emit Emit) error {
	source := expandHome(w.file.Source)
	if _, err := os.Stat(source); err != nil && w.file.Optional {
		return nil
	}
	src, err := os.Open(source)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("source %s is not a regular file", w.file.Source)
	}
	if err := w.leading(t, emit); err != nil {
		return err
	}
	e := w.own(fileEntry(w.name, w.mode, nil))
	e.Header.Size, e.Content = info.Size(), src
	return emit(e)
}

// leading emits the directories above the file that do not exist yet. They
// have the mode of the file, with execute permission for every class that has
// any, and its owner.
func (w *fileWriter) leading(t *Tree, emit Emit) error {
	for _, d := range prefixDirs(parent(w.name)) {
		if t.HasDir(d.Header.Name) {
			continue
		}
		d.Header.Mode = dirMode(w.mode)
		if err := emit(w.own(d)); err != nil {
			return err
		}
	}
	return nil
}

func (w *fileWriter) own(e *Entry) *Entry {
	e.Header.Uid, e.Header.Gid = w.uid, w.gid
	e.Header.Format = tar.FormatPAX
	return e
}

func parent(name string) string {
	dir := path.Dir(name)
	if dir == "." {
		return ""
	}
	return dir
}

// dirMode returns mode with execute permission for every class that has any.
func dirMode(mode int64) int64 {
	for shift := 0; shift <= 6; shift += 3 {
		if mode>>shift&0o7 != 0 {
			mode |= 0o1 << shift
		}
	}
	return mode
}

// expandHome replaces a leading "~/" by the home directory.
func expandHome(name string) string {
	rest, ok := strings.CutPrefix(name, "~/")
	if !ok {
		return name
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return name
	}
	return filepath.Join(home, rest)
}

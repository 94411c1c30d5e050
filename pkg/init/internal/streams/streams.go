// Package streams says where the output of containers goes, as section 12 of
// the guest contract describes it: to files, or to a daemon that takes
// descriptors over a socket.
//
// It opens, hands over and shows again. Rotating is the business of the daemon.
package streams

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	externalSocket = "/var/run/linuxkit-external-logging.sock"
	querySocket    = "/var/run/memlogdq.sock"
)

// Log is a place for the output of the containers of one stage.
type Log interface {
	// Open returns a descriptor for the stream of that name to write to.
	Open(name string) (*os.File, error)
	// Dump copies to w what has been written to the stream.
	Dump(name string, w io.Writer) error
	// Path returns what a stream of the name is opened as by another program
	// that runs for longer than this one.
	Path(name string) (string, error)
	// Close makes what was written easy to find.
	Close() error
}

// Choose returns the daemon if there is one, else files in dir. For a dir that
// is not link, Close makes link point to it; the detour lets a disk be mounted
// over the place of link meanwhile.
func Choose(dir, link string) Log {
	if info, err := os.Stat(externalSocket); err == nil && info.Mode()&fs.ModeSocket != 0 {
		return daemon{socket: externalSocket, query: querySocket, fifos: "/var/run"}
	}
	return files{dir: dir, link: link}
}

// fileName makes sure that a name stays a name.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") + ".log" }

type files struct{ dir, link string }

func (f files) path(name string) string { return filepath.Join(f.dir, fileName(name)) }

// Open starts the file anew.
func (f files) Open(name string) (*os.File, error) {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(f.path(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
}

func (f files) Dump(name string, w io.Writer) error {
	src, err := os.Open(f.path(name))
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	// Most containers are silent, and copying begins with allocating.
	if info, err := src.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	_, err = io.Copy(w, src)
	return err
}

// Path is that of the file, made anew; output is discarded where no file can be.
func (f files) Path(name string) (string, error) {
	file, err := f.Open(name)
	if err != nil {
		return os.DevNull, err
	}
	return f.path(name), file.Close()
}

func (f files) Close() error {
	if f.link == "" || f.link == f.dir {
		return nil
	}
	if _, err := os.Stat(f.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if info, err := os.Lstat(f.link); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		_ = os.Remove(f.link)
	}
	if err := os.MkdirAll(filepath.Dir(f.link), 0o755); err != nil {
		return err
	}
	return os.Symlink(f.dir, f.link)
}

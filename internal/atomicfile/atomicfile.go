// Package atomicfile makes files that appear under their names whole or not at
// all: what is written goes beside the name first, where nobody sees it, and
// takes the place of what is there in one step.
//
// It refuses to make directories, and to know what is in the files.
package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file on its way to its name. It must be closed.
type File struct {
	*os.File
	// Volatile leaves it to the system when the content reaches the disk: for
	// large files that can be made again after a loss of power.
	Volatile bool

	name string // the final one
	mode fs.FileMode
	// direct is set if there is no other place than the name itself.
	direct bool
	closed bool
}

// Create starts the file of that name with that mode. Where the system can do
// that it has no name of its own meanwhile, so that nothing is left if the
// process is killed. A symbolic link stays one: the file that it points to is
// replaced; but one that points to nothing is replaced itself. What is neither
// a file nor a directory, such as a pipe, is written to directly.
func Create(name string, mode fs.FileMode) (*File, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	f := &File{name: name, mode: mode}
	info, err := os.Stat(name)
	f.direct = err == nil && !info.Mode().IsRegular() && !info.IsDir()
	if f.File, err = f.open(); err != nil {
		return nil, fmt.Errorf("create %s: %w; the directory must exist and be writable", name, err)
	}
	return f, nil
}

func (f *File) open() (*os.File, error) {
	if f.direct {
		return os.OpenFile(f.name, os.O_WRONLY, 0)
	}
	dir, base := filepath.Split(f.name)
	dir = filepath.Clean(dir + ".")
	if file, err := createUnnamed(dir); err == nil {
		return file, nil
	}
	return os.CreateTemp(dir, "."+base+".tmp-*")
}

// Commit closes the file and gives it its name, in the place of whatever had
// that name. It does not if ctx is done. After an error nothing is left.
func (f *File) Commit(ctx context.Context) error {
	defer f.Close()
	if err := f.commit(ctx); err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

func (f *File) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if f.direct {
		f.closed = true
		return f.File.Close()
	}
	if err := f.Chmod(f.mode); err != nil {
		return err
	}
	if !f.Volatile {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return f.publish()
}

// publish names the file.
func (f *File) publish() error {
	temp, err := nameTemp(f.File, f.name)
	if err != nil {
		return err
	}
	f.closed = true
	// A file that had no name should not have its hidden one for long: if the
	// process is killed in between, that stays. Others are renamed closed,
	// as not every system renames open files.
	if temp != f.Name() {
		return errors.Join(f.rename(temp), f.File.Close())
	}
	if err := f.File.Close(); err != nil {
		os.Remove(temp)
		return err
	}
	return f.rename(temp)
}

// rename removes the file if it cannot get its name.
func (f *File) rename(temp string) error {
	if f.Volatile && exchange(temp, f.name) == nil {
		return os.Remove(temp)
	}
	err := os.Rename(temp, f.name)
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// Close drops what was not committed.
func (f *File) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	if f.direct {
		return f.File.Close()
	}
	dropTemp(f.File)
	return nil
}

// Write makes the file of that name and mode from what fn writes. It appears
// only if fn returns nil and ctx is not done; what is there stays as it is
// otherwise.
func Write(ctx context.Context, name string, mode fs.FileMode, fn func(w io.Writer) error) error {
	f, err := Create(name, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := fn(f); err != nil {
		return err
	}
	return f.Commit(ctx)
}

// WriteBytes is [Write] of data.
func WriteBytes(ctx context.Context, name string, mode fs.FileMode, data []byte) error {
	return Write(ctx, name, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

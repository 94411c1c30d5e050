package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// unnamed is how a file without a name is called in messages.
const unnamed = " (unnamed)"

// descriptors is where a file without a name can be linked from. It is not
// there where /proc is not mounted.
var descriptors = "/proc/self/fd"

// createUnnamed opens a file in dir that has no name yet; see O_TMPFILE in
// open(2). Not every file system can do that.
func createUnnamed(dir string) (*os.File, error) {
	if _, err := os.Stat(descriptors); err != nil {
		return nil, err
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), dir+unnamed), nil
}

// nameTemp gives an unnamed file a hidden name beside name, because a link
// cannot replace a file, and returns it.
func nameTemp(f *os.File, name string) (string, error) {
	if !strings.HasSuffix(f.Name(), unnamed) {
		return f.Name(), nil
	}
	dir, base := filepath.Split(name)
	own := fmt.Sprintf("%s/%d", descriptors, f.Fd())
	for {
		temp := fmt.Sprintf("%s.%s.tmp-%d", dir, base, rand.Uint32())
		err := unix.Linkat(unix.AT_FDCWD, own, unix.AT_FDCWD, temp, unix.AT_SYMLINK_FOLLOW)
		if !errors.Is(err, fs.ErrExist) {
			return temp, err
		}
	}
}

// exchange swaps two files; see RENAME_EXCHANGE in renameat2(2). The caller
// removes what had the name: ext4 starts to write a file to disk when it is
// renamed over another, which takes longer than making it, unless mounted with
// noauto_da_alloc.
func exchange(temp, name string) error {
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.ErrUnsupported)
	}
	return unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, name, unix.RENAME_EXCHANGE)
}

func dropTemp(f *os.File) {
	f.Close()
	if !strings.HasSuffix(f.Name(), unnamed) {
		os.Remove(f.Name())
	}
}

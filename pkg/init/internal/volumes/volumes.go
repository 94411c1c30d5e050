// Package volumes mounts the volumes of the system, as section 7 of the guest
// contract describes them: below a base directory, one directory each, whose
// "lower" holds the initial content and whose "merged" the containers bind.
package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Base is where the volumes are.
const Base = "/containers/volumes"

// call is one mount(2).
type call struct {
	source, target, fstype string
	flags                  uintptr
	data                   string
}

// ErrNone says that the system has no volumes.
var ErrNone = errors.New("no volumes")

// Mount mounts every volume below base, in the order of their names. It goes on
// after a failure; the failures are returned joined.
func Mount(base string) error {
	entries, err := os.ReadDir(base)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("mount the volumes: %w", err)
	}
	var failed error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := mount(filepath.Join(base, e.Name())); err != nil {
			failed = errors.Join(failed, fmt.Errorf("mount volume %s: %w", e.Name(), err))
		}
	}
	return failed
}

func mount(dir string) error {
	calls, dirs, err := plan(dir)
	if err != nil {
		return err
	}
	for i, c := range calls {
		if err := unix.Mount(c.source, c.target, c.fstype, c.flags, c.data); err != nil {
			return fmt.Errorf("%s on %s: %w", c.fstype, c.target, err)
		}
		if i > 0 {
			continue
		}
		for _, d := range dirs {
			if err := os.Mkdir(d, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// plan lists the mounts of a volume, and the directories to make after the
// first of them. A volume without a directory "tmp" is read-only.
func plan(dir string) (calls []call, dirs []string, err error) {
	lower, merged, tmp := filepath.Join(dir, "lower"), filepath.Join(dir, "merged"), filepath.Join(dir, "tmp")
	for _, d := range []string{lower, merged} {
		if info, err := os.Stat(d); err != nil {
			return nil, nil, err
		} else if !info.IsDir() {
			return nil, nil, fmt.Errorf("%s is not a directory", d)
		}
	}
	if _, err := os.Stat(tmp); errors.Is(err, os.ErrNotExist) {
		return []call{
			{lower, merged, "", unix.MS_BIND, ""},
			{"", merged, "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY, ""},
		}, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	upper, work := filepath.Join(tmp, "upper"), filepath.Join(tmp, "work")
	options := "lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work
	return []call{
		{"tmpfs", tmp, "tmpfs", unix.MS_RELATIME, ""},
		{"overlay", merged, "overlay", unix.MS_RELATIME, options},
	}, []string{upper, work}, nil
}

//go:build !linux

package atomicfile

import (
	"errors"
	"os"
)

func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func nameTemp(f *os.File, _ string) (string, error) { return f.Name(), nil }

func dropTemp(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

func exchange(string, string) error { return errors.ErrUnsupported }

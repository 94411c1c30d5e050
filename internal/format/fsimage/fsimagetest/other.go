//go:build !linux

package fsimagetest

import (
	"errors"
	"io"
	"testing"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// Read is for Linux.
func Read(string) (map[string]Record, error) { return nil, errors.ErrUnsupported }

// Walk is for Linux.
func Walk(string, func(e fsimage.Entry, content io.Reader) error) error {
	return errors.ErrUnsupported
}

// Mount skips the test.
func Mount(t *testing.T, fsType, _ string) string {
	t.Helper()
	t.Skipf("only Linux can mount %s", fsType)
	return ""
}

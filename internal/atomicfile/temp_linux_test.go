package atomicfile

import (
	"path/filepath"
	"testing"
)

// TestNoProc covers systems without /proc, where a file that has no name could
// not get one.
func TestNoProc(t *testing.T) {
	dir := t.TempDir()
	mounted := descriptors
	descriptors = filepath.Join(dir, "proc")
	defer func() { descriptors = mounted }()
	if err := WriteBytes(t.Context(), filepath.Join(dir, "out"), 0o644, []byte("x")); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, dir, map[string]string{"out": "x"})
}

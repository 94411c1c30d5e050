package banner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestShow(t *testing.T) {
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	defer ptmx.Close()
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	issue := filepath.Join(dir, "issue")
	if err := os.WriteFile(issue, []byte("Welcome to LinuxKit"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(fmt.Sprintf("/dev/pts/%d", n), filepath.Join(dir, "ttyX")); err != nil {
		t.Fatal(err)
	}
	if err := Show(issue, dir, []string{"missing", "issue", "ttyX"}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	size, err := ptmx.Read(got)
	if err != nil || string(got[:size]) != "Welcome to LinuxKit" {
		t.Errorf("the terminal got %q, %v", got[:size], err)
	}
	if text, _ := os.ReadFile(issue); string(text) != "Welcome to LinuxKit" {
		t.Errorf("a file that is no terminal was written: %q", text)
	}
	if err := Show(filepath.Join(dir, "none"), dir, []string{"ttyX"}); err != nil {
		t.Errorf("a missing banner is an error: %v", err)
	}
}

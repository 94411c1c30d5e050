package helper

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain tells, when asked to, how this program was started.
func TestMain(m *testing.M) {
	if os.Getenv("HELPER_TEST") != "" {
		_, _ = os.Stdout.WriteString(Invoked())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAllowed(t *testing.T) {
	for program, want := range map[string]bool{
		"/sbin/modprobe": true, "/sbin/poweroff": true, "/sbin/reboot": true, "/sbin/mdev": true,
		"/bin/sh": false, "modprobe": false, "/sbin/../sbin/modprobe": false, "": false, "/sbin/usermode-helper": false,
	} {
		if got := Allowed(program); got != want {
			t.Errorf("Allowed(%q) = %v", program, got)
		}
	}
}

func TestInvoked(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: link, Args: []string{"/bin/sh"}, Env: []string{"HELPER_TEST=1"}}
	out, err := cmd.Output()
	if err != nil || string(out) != link {
		t.Errorf("invoked as %q, %v; want %q", out, err, link)
	}
}

func FuzzAuxValue(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, junk []byte) {
		pair := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, atExecfn), 42)
		if got := auxValue(append(pair, junk...), atExecfn); got != 42 {
			t.Fatalf("value %d", got)
		}
		auxValue(junk, atExecfn)
	})
}

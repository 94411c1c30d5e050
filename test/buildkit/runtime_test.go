//go:build linux

package buildkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/config"
)

// boundedName is how the test program is called as the runtime of containers.
const boundedName = "runc-bounded"

// boundedRuntime is a runtime for dockerd: runc, for hosts that lack some
// capability. There runc refuses privileged containers, which ask for all.
func boundedRuntime(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("runc is not installed")
	}
	dir := t.TempDir()
	for name, target := range map[string]string{boundedName: self, "runc": runc} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, boundedName)
}

// boundedMain takes what the host lacks out of the file that describes the
// container or the process, and goes on as runc.
func boundedMain(self string, args []string) error {
	var err error
	for i, arg := range args[:len(args)-1] {
		switch arg {
		case "--bundle", "-b":
			err = errors.Join(err, bound(filepath.Join(args[i+1], "config.json"), "process"))
		case "--process", "-p":
			err = errors.Join(err, bound(args[i+1]))
		}
	}
	if err != nil {
		return err
	}
	runc := filepath.Join(filepath.Dir(self), "runc") // there may be no PATH
	return syscall.Exec(runc, append([]string{runc}, args...), os.Environ())
}

// bound takes capabilities, and what needs them, out of the process that is
// below some key of a file.
func bound(file string, below ...string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var doc map[string]any
	read := json.NewDecoder(bytes.NewReader(data))
	read.UseNumber()
	if err := read.Decode(&doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	process := doc
	for _, key := range below {
		process, _ = process[key].(map[string]any)
	}
	sets, _ := process["capabilities"].(map[string]any)
	for name, set := range sets {
		list, _ := set.([]any)
		sets[name] = slices.DeleteFunc(list, lacks)
	}
	if lacks("CAP_SYS_RESOURCE") {
		delete(process, "rlimits")
	}
	if data, err = json.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// lacks tells whether no process of this host can have a capability.
func lacks(name any) bool {
	all, err := config.Capabilities([]string{"all"})
	n := slices.Index(all, fmt.Sprint(name))
	if err != nil || n < 0 {
		return false
	}
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
	return err == nil && has == 0
}

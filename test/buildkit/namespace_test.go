//go:build linux

package buildkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// namespace is the network of a host of its own, on a cable to this one.
type namespace struct {
	name string // also that of the cable's end here
	ip   string
}

// newNamespace makes the network until the test ends.
func newNamespace(t *testing.T, number int) (*namespace, error) {
	t.Helper()
	for _, program := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	// The addresses are meant for tests; see RFC 2544.
	n := &namespace{name: fmt.Sprintf("lk%dn%d", os.Getpid(), number), ip: fmt.Sprintf("198.18.213.%d", 4*number+2)}
	t.Cleanup(func() {
		_ = ip("link", "del", n.name)
		_ = ip("netns", "del", n.name)
	})
	for _, args := range [][]string{
		{"netns", "add", n.name},
		{"link", "add", n.name, "type", "veth", "peer", "name", "eth0", "netns", n.name},
		{"addr", "add", fmt.Sprintf("198.18.213.%d/30", 4*number+1), "dev", n.name},
		{"link", "set", n.name, "up"},
		{"-n", n.name, "addr", "add", n.ip + "/30", "dev", "eth0"},
		{"-n", n.name, "link", "set", "eth0", "up"},
		{"-n", n.name, "link", "set", "lo", "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %q: %w: %s", args, err, out)
	}
	return nil
}

// runner runs a command on that host.
func (n *namespace) runner() []string {
	return []string{"nsenter", "--net=" + filepath.Join("/run/netns", n.name)}
}

// vanish breaks the cable without a word to either end.
func (n *namespace) vanish(t *testing.T) {
	if err := ip("-n", n.name, "link", "set", "eth0", "down"); err != nil {
		t.Error(err)
	}
}

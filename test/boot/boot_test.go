package boot_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestGuest looks at a booted system from containers of every kind.
func TestGuest(t *testing.T) {
	t.Parallel()
	needEmulator(t, "amd64")
	m := start(t, "amd64", build(t, "amd64", "testdata/system.yml", "testdata/guest.yml"))
	m.expect(
		"Welcome to LinuxKit",
		"ok: say first of all",
		"ok: exit 3",
		"ok: say after the failing one",
		"services are up",
		"ok: say farewell",
	)
	if err := m.end(); err != nil {
		t.Errorf("power-off gives %v", err)
	}
	m.sound()
}

// TestCgroupV1 boots with the cgroup hierarchies of old, and reboots.
func TestCgroupV1(t *testing.T) {
	t.Parallel()
	needEmulator(t, "amd64")
	m := start(t, "amd64", build(t, "amd64", "testdata/system.yml", "testdata/cgroup1.yml"))
	m.expect(
		"Using cgroup v1",
		"ok: exists /sys/fs/cgroup/systemd",
		"ok: say before the reboot",
		// the second boot
		"Welcome to LinuxKit",
		"Using cgroup v1",
	)
	m.sound()
}

// TestRuncOptions boots with the options that show what runc does.
func TestRuncOptions(t *testing.T) {
	t.Parallel()
	needEmulator(t, "amd64")
	m := start(t, "amd64", build(t, "amd64", "testdata/system.yml", "testdata/runc.yml"))
	m.expect("creating", "ok: say on the console", "cleaning up", "ok: say farewell")
	if err := m.end(); err != nil {
		t.Errorf("power-off gives %v", err)
	}
	m.sound()
}

// TestDefaultSystem boots the default system of each architecture, asks its
// web server for a page, and shuts it down as Ctrl-C does.
func TestDefaultSystem(t *testing.T) {
	for arch := range emulators {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			needEmulator(t, arch)
			port := freePort(t)
			m := start(t, arch, build(t, arch, "../../linuxkit.yml"), "--publish", fmt.Sprintf("127.0.0.1:%d:80", port))
			if page := m.fetch(fmt.Sprintf("http://127.0.0.1:%d/", port)); !strings.Contains(page, "<html") {
				t.Errorf("the web server answers %q", page)
			}
			if err := m.cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			m.expect("goodbye from the onshutdown container")
			if err := m.end(); err != nil {
				t.Errorf("an orderly end gives %v", err)
			}
			m.sound()
		})
	}
}

// TestLittleMemory has the default system serve with its root on a disk and as
// little memory as docs/build.md says.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	needEmulator(t, "amd64")
	prefix := buildWith(t, "amd64", []string{"--format", "kernel+squashfs"}, "../../linuxkit.yml")
	port := freePort(t)
	m := start(t, "amd64", prefix, "--mem", "128", "--publish", fmt.Sprintf("127.0.0.1:%d:80", port))
	if page := m.fetch(fmt.Sprintf("http://127.0.0.1:%d/", port)); !strings.Contains(page, "<html") {
		t.Errorf("the web server answers %q", page)
	}
	if text := m.console.String(); strings.Contains(text, "Out of memory") {
		t.Error("a process was killed for want of memory")
	}
}

// fetch asks until there is an answer.
func (m *machine) fetch(url string) string {
	m.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if page, err := get(m.t.Context(), url); err == nil {
			return page
		}
		select {
		case <-m.ended:
			m.t.Fatalf("the machine ended before it answered: %v", m.err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	m.t.Fatal("no answer")
	return ""
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	return string(page), err
}

package runc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func exitStatus(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// reap waits for the end of a child, adopted ones included. Somebody else's
// child is waited for without its status.
func reap(pid int) (status syscall.WaitStatus) {
	if pid <= 0 {
		return 0
	}
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.ECHILD) {
			waitStranger(pid)
		}
		return status
	}
}

func waitStranger(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// ReapOrphans takes the statuses of adopted children that have ended.
func ReapOrphans() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

func readPID(path string) (int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the process number of the container: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("read the process number of the container from %s: %q is none", path, raw)
	}
	return pid, nil
}

// privatePIDs tells whether the container of a bundle has a PID namespace of
// its own, so that nothing of it outlives its first process.
func privatePIDs(dir string) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return false, fmt.Errorf("read the configuration of the container: %w", err)
	}
	var spec struct {
		Linux struct {
			Namespaces []struct{ Type, Path string }
		}
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		return false, fmt.Errorf("read %s: %w", filepath.Join(dir, "config.json"), err)
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type == "pid" {
			return ns.Path == "", nil
		}
	}
	return false, nil
}

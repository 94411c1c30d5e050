//go:build linux

package buildkit

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startDocker runs an engine of its own and makes the docker command use it.
func startDocker(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("dockerd needs root")
	}
	for _, program := range []string{"dockerd", "docker", "containerd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	dir := shortDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	var log lockedBuffer
	cmd := exec.Command("dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "--host", socket,
		"--add-runtime", "bounded="+boundedRuntime(t), "--default-runtime=bounded",
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	t.Setenv("DOCKER_HOST", socket)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for range 300 {
		if exec.Command("docker", "version").Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("dockerd does not start:\n%s", log.String())
}

// docker runs a command of docker's.
func docker(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// needBuilder has docker run builder containers of the image builder:1.
func needBuilder(t *testing.T) {
	t.Helper()
	tools := needTools(t)
	startDocker(t)
	docker(t, builderArchive(t, tools), builderImport...)
	if out, err := exec.Command("docker", "run", "--rm", "--privileged", builderImage, "--version").CombinedOutput(); err != nil {
		t.Skipf("privileged containers do not work here: %s", out)
	}
}

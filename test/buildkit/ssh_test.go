//go:build linux

package buildkit

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// startSSH runs a server with keys of its own; ssh knows it as "builder". Its
// users find buildctl on the PATH.
func startSSH(t *testing.T) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if errors.Is(err, exec.ErrNotFound) {
		sshd, err = exec.LookPath("/usr/sbin/sshd")
	}
	if err != nil {
		t.Skip("sshd is not installed")
	}
	if os.Getuid() != 0 {
		t.Skip("sshd needs root")
	}
	if err := os.Mkdir("/run/sshd", 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	dir, address := t.TempDir(), freePort(t)
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sshd_config": "ListenAddress " + address + "\nHostKey " + dir + "/host\nAuthorizedKeysFile " + dir + "/user.pub\nStrictModes no\nPidFile none\nUsePAM " + usePAM(t) + "\n" +
			"PermitRootLogin prohibit-password\nPasswordAuthentication no\nSetEnv PATH=" + os.Getenv("PATH") + "\n",
		"ssh_config": "Host builder\nHostName 127.0.0.1\nPort " + port + "\nUser root\nBatchMode yes\nIdentitiesOnly yes\nIdentityFile " + dir + "/user\nUserKnownHostsFile " + dir + "/known\nHostKeyAlias builder\n",
		"known":      "builder " + string(key),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log lockedBuffer
	cmd := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	writeProgram(t, "ssh", "exec "+ssh+" -F "+dir+"/ssh_config \"$@\"\n")
	if !eventually(func() bool { return exec.Command("ssh", "builder", "buildctl", "--version").Run() == nil }) {
		t.Fatalf("sshd does not answer:\n%s", log.String())
	}
}

// usePAM is whether PAM has to let root in: without it no account whose password
// is locked may enter, even with a key.
func usePAM(t *testing.T) string {
	t.Helper()
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(shadow), "root:!") || strings.Contains(string(shadow), "\nroot:!") {
		return "yes"
	}
	return "no"
}

func TestSSH(t *testing.T) {
	needTools(t)
	startSSH(t)
	socket := shortDir(t) + "/sock"
	startDaemon(t, "--addr", "unix://"+socket)
	checkAddress(t, "ssh://builder"+socket, "ssh://nosuch.invalid"+socket)
	t.Setenv("BUILDKIT_HOST", "ssh://builder"+socket)
	interrupt(t, "interrupted-ssh")
}

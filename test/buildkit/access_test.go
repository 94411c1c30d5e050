//go:build linux

package buildkit

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/linuxkit/linuxkit/internal/registrytest"
)

// keysProgram fails unless an SSH agent has a key with a comment; it speaks the
// protocol of draft-ietf-sshm-ssh-agent.
const keysProgram = `package main

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
)

func main() {
	c, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		panic(err)
	}
	if _, err := c.Write([]byte{0, 0, 0, 1, 11}); err != nil {
		panic(err)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(c, size); err != nil {
		panic(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(size))
	if _, err := io.ReadFull(c, answer); err != nil {
		panic(err)
	}
	if answer[0] != 12 || !strings.Contains(string(answer), os.Args[1]) {
		panic("no key " + os.Args[1])
	}
}
`

// startAgent runs an SSH agent with a new key, whose file it returns.
func startAgent(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	dir := shortDir(t)
	socket, key := filepath.Join(dir, "agent"), filepath.Join(dir, "key")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	t.Setenv("SSH_AUTH_SOCK", socket)
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	if !eventually(func() bool { _, err := os.Stat(socket); return err == nil }) {
		t.Fatal("the agent does not start")
	}
	if out, err := exec.Command("ssh-add", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v\n%s", err, out)
	}
	return key
}

// Steps reach the keys of the agents that --ssh names, and no others.
func TestAgent(t *testing.T) {
	needTools(t)
	key := startAgent(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	files := maps.Clone(packageFiles)
	files["base/main.go"] = keysProgram
	files["app/build.yml"] = "image: app\nbuildArgs: [\"BASE=@lkt:pkg:../base\"]\n"
	files["app/Dockerfile"] = "ARG BASE\nFROM ${BASE}\nRUN --mount=type=ssh,required=true [\"/bin/stamp\", \"ssh-ed25519\"]\n" +
		"RUN --mount=type=ssh,id=mine,required=true [\"/bin/stamp\", \"ssh-ed25519\"]\n"
	dir, cache := writeRepository(t, files), t.TempDir()
	for _, c := range []struct {
		flags  []string
		status int
		text   string
	}{
		{nil, 1, "default"},
		{[]string{"--ssh", "default"}, 1, "mine"},
		{[]string{"--ssh", "default", "--ssh", "mine=/nosuch"}, 1, "/nosuch"},
		{[]string{"--ssh", "default", "--ssh", "mine=" + key}, 0, ""},
	} {
		args := append([]string{"pkg", "build", "--sbom-scanner", "builtin", "--platforms", host}, c.flags...)
		p := start(t, cache, append(args, filepath.Join(dir, "base"), filepath.Join(dir, "app"))...)
		if status := p.end(t); status != c.status || !strings.Contains(p.log.String(), c.text) {
			t.Errorf("%q: status %d, want %d and %q:\n%s", c.flags, status, c.status, c.text, p.log.String())
		}
	}
}

// Base images come from a registry that is encrypted and wants a password, with
// the credentials of --registry-creds or else of docker's configuration.
func TestCredentials(t *testing.T) {
	needTools(t)
	t.Setenv("BUILDKIT_HOST", "buildkitd://")
	r := registrytest.Start(t, registrytest.Options{TLS: true, Accounts: true})
	config := filepath.Join(filepath.Dir(r.CertFile), "buildkitd.toml") // certificates are relative to it
	text := fmt.Sprintf("[registry.%q]\nhttp = false\nca = [%q]\n", r.Host, filepath.Base(r.CertFile))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, full := t.TempDir(), t.TempDir()
	token := base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + registrytest.Password))
	text = fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, r.Host, token)
	if err := os.WriteFile(filepath.Join(full, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", full)
	base := writeRepository(t, packageFiles)
	if p := start(t, t.TempDir(), "--cert-file", r.CertFile, "pkg", "build", "--push", "--org", r.Host+"/o", "--platforms", host, filepath.Join(base, "base")); p.end(t) != 0 {
		t.Fatal(p.log.String())
	}
	from := r.Host + "/o/base:" + loadPackage(t, base, "base").Hash()
	dir := writeRepository(t, map[string]string{"app/build.yml": "image: app\n", "app/Dockerfile": "FROM " + from + "\nRUN [\"/bin/stamp\", \"done\"]\n"})
	right := r.Host + "=" + registrytest.User + ":" + registrytest.Password
	for _, c := range []struct {
		docker, creds string
		status        int
	}{
		{empty, "", 1},
		{empty, r.Host + "=" + registrytest.User + ":wrong", 1},
		{full, "other.example=a:b", 1},
		{empty, right, 0},
		{empty, r.Host + "=" + token, 0},
		{full, "", 0},
	} {
		t.Setenv("DOCKER_CONFIG", c.docker)
		args := []string{"pkg", "build", "--force", "--builder-config", config, "--sbom-scanner", "builtin", "--platforms", host, filepath.Join(dir, "app")}
		if c.creds != "" {
			args = append(args, "--registry-creds", c.creds)
		}
		t.Setenv("HOME", t.TempDir()) // the daemon remembers what it has pulled
		p := start(t, t.TempDir(), args...)
		if status := p.end(t); status != c.status || status == 1 && !strings.Contains(p.log.String(), "401 Unauthorized") {
			t.Errorf("%+v: status %d:\n%s", c, status, p.log.String())
		}
	}
}

//go:build linux

package buildkit

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/pkglib"
)

// buildPlain builds a package with the daemon that --builders would name.
func buildPlain(t *testing.T, address string, opts ...pkglib.BuildOpt) error {
	t.Helper()
	plain := loadPackage(t, writeRepository(t, packageFiles), "plain")
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = build(t.Context(), s, plain, append(opts, pkglib.WithBuildBuilders(map[string]string{host: address}))...)
	if err == nil && len(imageOf(t, s, plain, host).Config.RootFS.DiffIDs) != 2 {
		t.Errorf("image %+v", imageOf(t, s, plain, host))
	}
	return err
}

// checkAddress builds with one address and fails with another, which leads to
// nothing.
func checkAddress(t *testing.T, right, wrong string) {
	t.Helper()
	if err := buildPlain(t, right); err != nil {
		t.Errorf("%s: %v", right, err)
	}
	if err := buildPlain(t, wrong); err == nil || !strings.Contains(err.Error(), wrong) {
		t.Errorf("%s: error %v", wrong, err)
	}
}

// Daemons in containers that others run are reached with the programs of the
// engines; those that Debian does not have are stood in for by docker, so that
// only their command lines are tested.
func testContainerAddresses(t *testing.T) {
	docker(t, nil, "run", "--detach", "--privileged", "--name", "standing", builderImage, "--addr", "unix:///run/buildkit/buildkitd.sock")
	if !eventually(func() bool {
		return exec.Command("docker", "exec", "standing", "buildctl", "debug", "workers").Run() == nil
	}) {
		t.Fatal(docker(t, nil, "logs", "standing"))
	}
	t.Run("docker", func(t *testing.T) { checkAddress(t, "docker-container://standing", "docker-container://nosuch") })
	t.Run("docker in a context", func(t *testing.T) {
		docker(t, nil, "context", "create", "elsewhere", "--docker", "host="+os.Getenv("DOCKER_HOST"))
		t.Setenv("DOCKER_HOST", "unix:///nosuch.sock")
		checkAddress(t, "docker-container://standing?context=elsewhere", "docker-container://standing?context=nosuch")
	})
	t.Run("nerdctl stand-in", func(t *testing.T) {
		standIn(t, "nerdctl", "exec --namespace mine -i standing buildctl dial-stdio")
		checkAddress(t, "nerdctl-container://standing?namespace=mine", "nerdctl-container://nosuch")
	})
	t.Run("kubectl stand-in", func(t *testing.T) {
		standIn(t, "kubectl", "--context= --namespace=mine exec --container= -i standing -- buildctl dial-stdio")
		checkAddress(t, "kube-pod://standing?namespace=mine", "kube-pod://nosuch")
	})
}

// standIn puts a program on the PATH that reaches the daemon in the container
// "standing", if it is called with these arguments.
func standIn(t *testing.T, name, args string) {
	t.Helper()
	writeProgram(t, name, "[ \"$*\" = '"+args+"' ] || { echo \"$0 $*\" >&2; exit 1; }\nexec docker exec -i standing buildctl dial-stdio\n")
}

// writeProgram puts a shell script first on the PATH.
func writeProgram(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// A word that is no address names the docker context for the builder
// container; a context that is called like the platform is used unasked.
func testDockerContext(t *testing.T) {
	socket := os.Getenv("DOCKER_HOST")
	t.Setenv("DOCKER_HOST", "unix:///nosuch.sock")
	t.Setenv("BUILDKIT_HOST", "")
	b := pkglib.WithBuildBuilderConfig(pkglib.BuilderConfig{Name: "context", Image: builderImage})
	if err := buildPlain(t, "far", b); err == nil || !strings.Contains(err.Error(), "provided docker context 'far' not found") {
		t.Errorf("error %v", err)
	}
	docker(t, nil, "context", "create", "far", "--docker", "host="+socket)
	if err := buildPlain(t, "far", b); err != nil {
		t.Error(err)
	}
	docker(t, nil, "--context", "far", "rm", "-f", "context")
	docker(t, nil, "context", "create", "linuxkit-"+strings.ReplaceAll(host, "/", "-"), "--docker", "host="+socket)
	builderContainer{pkglib.BuilderConfig{Name: "context", Image: builderImage}}.use(t)
	if got := docker(t, nil, "--context", "far", "container", "inspect", "--format", "{{.State.Running}}", "context"); got != "true" {
		t.Errorf("the builder container runs: %s", got)
	}
}

// startPodman has podman keep all that it needs below a directory.
func startPodman(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("podman needs root for a daemon in a container")
	}
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed")
	}
	dir := shortDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	for name, text := range map[string]string{
		"containers": "[containers]\nnetns = \"host\"\n[engine]\nruntime = \"bounded\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n" +
			fmt.Sprintf("tmp_dir = %q\n[engine.runtimes]\nbounded = [%q]\n", dir+"/tmp", boundedRuntime(t)),
		"storage": fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/graph", dir+"/run"),
	} {
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(map[string]string{"containers": "CONTAINERS_CONF", "storage": "CONTAINERS_STORAGE_CONF"}[name], file)
	}
}

func TestPodman(t *testing.T) {
	tools := needTools(t)
	startPodman(t)
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.Command("podman", args...)
		cmd.Stdin = builderArchive(t, tools)
		return cmd
	}
	if out, err := podman(builderImport...).CombinedOutput(); err != nil {
		t.Fatalf("podman import: %v\n%s", err, out)
	}
	if out, err := podman("run", "--detach", "--privileged", "--name", "standing", builderImage, "--addr", "unix:///run/buildkit/buildkitd.sock").CombinedOutput(); err != nil {
		t.Fatalf("podman run: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := podman("rm", "--force", "--time", "5", "standing").CombinedOutput(); err != nil {
			t.Errorf("podman rm: %v\n%s", err, out)
		}
	})
	if !eventually(func() bool { return podman("exec", "standing", "buildctl", "debug", "workers").Run() == nil }) {
		out, err := podman("logs", "standing").CombinedOutput()
		t.Fatalf("%s, %v", out, err)
	}
	checkAddress(t, "podman-container://standing", "podman-container://nosuch")
}

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
		"sshd_config": "ListenAddress " + address + "\nHostKey " + dir + "/host\nAuthorizedKeysFile " + dir + "/user.pub\nStrictModes no\nPidFile none\nUsePAM no\n" +
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

func TestSSH(t *testing.T) {
	needTools(t)
	startSSH(t)
	socket := shortDir(t) + "/sock"
	startDaemon(t, "--addr", "unix://"+socket)
	checkAddress(t, "ssh://builder"+socket, "ssh://nosuch.invalid"+socket)
}

//go:build linux

package buildkit

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkglib"
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

// importBuilder makes an image with buildkitd, what it runs, and the libraries
// of that.
func importBuilder(t *testing.T, tools, name string) {
	t.Helper()
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"usr/bin/buildkitd": tools + "/buildkitd", "usr/bin/buildctl": tools + "/buildctl", "usr/bin/runc": runc}
	libraries, err := exec.Command("ldd", runc).Output()
	if err != nil {
		t.Logf("runc needs no libraries: %v", err)
	}
	for word := range strings.FieldsSeq(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			files[word[1:]] = word
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: 0o755, Size: int64(len(data))})
		}
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	docker(t, &b, "import", "--change", `ENTRYPOINT ["/usr/bin/buildkitd"]`, "--change", "ENV PATH=/usr/bin", "-", name)
}

// needBuilder has docker run builder containers of the image builder:1.
func needBuilder(t *testing.T) {
	t.Helper()
	tools := needTools(t)
	startDocker(t)
	importBuilder(t, tools, "builder:1")
	if out, err := exec.Command("docker", "run", "--rm", "--privileged", "builder:1", "--version").CombinedOutput(); err != nil {
		t.Skipf("privileged containers do not work here: %s", out)
	}
}

// The builder container is made, reused and replaced; images reach docker.
func TestDocker(t *testing.T) {
	needBuilder(t)
	docker(t, nil, "tag", "builder:1", "builder:2")
	base, app := packages(t)
	s := newCache(t, base)
	bc := pkglib.BuilderConfig{Name: "test-builder", Image: "builder:1"}
	if _, err := build(t.Context(), s, app, pkglib.WithBuildBuilderConfig(bc), pkglib.WithBuildTargetDockerCache()); err != nil {
		t.Fatalf("%v\n%s", err, docker(t, nil, "logs", bc.Name))
	}
	checkApp(t, s, app)
	id := func() string { return docker(t, nil, "container", "inspect", "--format", "{{.Id}}", bc.Name) }
	first := id()
	if got := docker(t, nil, "image", "inspect", "--format", "{{index .RepoTags 0}} {{.Architecture}}", app.Tag()); !strings.Contains(got, host[len("linux/"):]) {
		t.Errorf("docker has %s", got)
	}
	docker(t, nil, "stop", bc.Name)
	if _, err := build(t.Context(), s, app, pkglib.WithBuildBuilderConfig(bc), pkglib.WithBuildForce()); err != nil {
		t.Fatal(err)
	}
	if id() != first {
		t.Error("a stopped builder was not used again")
	}
	volume := func() string {
		return docker(t, nil, "volume", "inspect", "--format", "{{.CreatedAt}}", bc.Name+"-state")
	}
	before := volume()
	time.Sleep(1100 * time.Millisecond) // times have seconds
	bc.Image = "builder:2"
	if _, err := build(t.Context(), s, app, pkglib.WithBuildBuilderConfig(bc), pkglib.WithBuildForce()); err != nil {
		t.Fatal(err)
	}
	if id() == first || volume() == before {
		t.Error("a builder of another image was kept, or its state")
	}
	if volumes := docker(t, nil, "volume", "ls", "-q"); volumes != bc.Name+"-state" {
		t.Errorf("volumes %q", volumes)
	}
}

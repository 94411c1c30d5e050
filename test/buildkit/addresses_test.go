//go:build linux

package buildkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

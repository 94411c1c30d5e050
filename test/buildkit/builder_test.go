//go:build linux

package buildkit

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/pkglib"
)

// builderContainer is a builder container as docker has it.
type builderContainer struct {
	pkglib.BuilderConfig
}

// use has the container build something.
func (b builderContainer) use(t *testing.T) {
	t.Helper()
	plain := loadPackage(t, writeRepository(t, packageFiles), "plain")
	s, err := content.Open(t.TempDir())
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := build(t.Context(), s, plain, pkglib.WithBuildBuilderConfig(b.BuilderConfig)); err != nil {
		t.Errorf("%s: %v", b.Name, err)
	}
}

func (b builderContainer) id(t *testing.T) string {
	t.Helper()
	return docker(t, nil, "container", "inspect", "--format", "{{.Id}}", b.Name)
}

// mark is a file in the volume of the container.
func (b builderContainer) mark(t *testing.T) string {
	t.Helper()
	return filepath.Join(docker(t, nil, "volume", "inspect", "--format", "{{.Mountpoint}}", b.Name+"-state"), "mark")
}

func (b builderContainer) setMark(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(b.mark(t), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b builderContainer) marked(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(b.mark(t))
	return err == nil
}

// The builder container is made, reused and replaced; images reach docker.
func TestDocker(t *testing.T) {
	needBuilder(t)
	t.Run("life", testBuilderLife)
	t.Run("configuration", testBuilderConfig)
	t.Run("users", testBuilderUsers)
	t.Run("load", testLoad)
	t.Run("addresses", testContainerAddresses)
	t.Run("context", testDockerContext)
	t.Run("interrupt", func(t *testing.T) {
		t.Setenv("BUILDKIT_HOST", "")
		t.Setenv("LINUXKIT_BUILDER_NAME", "interrupted")
		t.Setenv("LINUXKIT_BUILDER_IMAGE", builderImage)
		interrupt(t, "interrupted-container")
		if got := docker(t, nil, "container", "inspect", "--format", "{{.State.Running}}", "interrupted"); got != "true" {
			t.Errorf("the builder container runs: %s", got)
		}
	})
}

// A builder that is as wanted is used again, others are replaced. Its state
// goes only with the image.
func testBuilderLife(t *testing.T) {
	b := builderContainer{pkglib.BuilderConfig{Name: "life", Image: builderImage}}
	b.use(t)
	b.setMark(t)
	first := b.id(t)
	for _, c := range []struct {
		name            string
		before          func()
		same, stateKept bool
	}{
		{"as wanted", func() {}, true, true},
		{"stopped", func() { docker(t, nil, "stop", b.Name) }, true, true},
		{"just started by somebody", func() { docker(t, nil, "stop", b.Name); docker(t, nil, "start", b.Name) }, true, true},
		{"restart", func() { b.Restart = true }, false, true},
		{"without rights", func() {
			b.Restart = false
			docker(t, nil, "rm", "-f", b.Name)
			docker(t, nil, "create", "--name", b.Name, "-v", b.Name+"-state:/var/lib/buildkit", b.Image)
			first = b.id(t)
		}, false, true},
		{"other image", func() { docker(t, nil, "tag", builderImage, "builder:2"); b.Image = "builder:2" }, false, false},
	} {
		c.before()
		b.use(t)
		now := b.id(t)
		if (now == first) != c.same || b.marked(t) != c.stateKept {
			t.Errorf("%s: was %s, is %s, its state was kept: %v", c.name, first, now, b.marked(t))
		}
		if got := docker(t, nil, "container", "inspect", "--format", "{{.HostConfig.Privileged}} {{.Config.Image}} {{range .Mounts}}{{.Name}}{{end}}", b.Name); got != "true "+b.Image+" life-state" {
			t.Errorf("%s: container %s", c.name, got)
		}
		first = now
	}
	if volumes := docker(t, nil, "volume", "ls", "-q"); volumes != "life-state" {
		t.Errorf("volumes %q", volumes)
	}
}

// A configuration and its certificates are copied into the builder, and a
// change of either makes another one.
func testBuilderConfig(t *testing.T) {
	dir := t.TempDir()
	writeCertificates(t, dir, "127.0.0.1")
	config := filepath.Join(dir, "mine.toml")
	write := func(mark string) {
		text := "[worker.oci.labels]\n mark = \"" + mark + "\"\n[registry.\"reg.example:5000\"]\n ca = [\"ca.pem\"]\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := builderContainer{pkglib.BuilderConfig{Name: "configured", Image: builderImage, ConfigPath: config}}
	check := func(mark string) (id string) {
		t.Helper()
		b.use(t)
		if got := docker(t, nil, "exec", b.Name, "buildctl", "debug", "workers", "-v"); !strings.Contains(got, mark) {
			t.Errorf("no %q in\n%s", mark, got)
		}
		copied, at := t.TempDir(), "/etc/buildkit/certs/reg.example_5000/ca.pem"
		docker(t, nil, "cp", b.Name+":"+at, copied)
		want, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(copied, "ca.pem")); err != nil || string(got) != string(want) {
			t.Errorf("%s is %q, %v", at, got, err)
		}
		return b.id(t)
	}
	write("first")
	first := check("first")
	b.setMark(t)
	if again := check("first"); again != first {
		t.Error("a builder with the same configuration was not used again")
	}
	writeCertificates(t, dir, "127.0.0.1")
	second := check("first")
	write("second")
	if third := check("second"); second == first || third == second || !b.marked(t) {
		t.Errorf("with another certificate %s became %s, with another configuration %s; the state was kept: %v", first, second, third, b.marked(t))
	}
	b.ConfigPath = ""
	b.use(t)
	if got := docker(t, nil, "exec", b.Name, "buildctl", "debug", "workers", "-v"); strings.Contains(got, "second") {
		t.Errorf("the configuration is still there:\n%s", got)
	}
}

// Users with names of their own have builders of their own; those that want the
// same builder at the same time share it.
func testBuilderUsers(t *testing.T) {
	var users sync.WaitGroup
	for _, name := range []string{"alice", "bob", "bob"} {
		users.Go(func() { builderContainer{pkglib.BuilderConfig{Name: name, Image: builderImage}}.use(t) })
	}
	users.Wait()
	for _, name := range []string{"alice", "bob"} {
		got := docker(t, nil, "container", "inspect", "--format", "{{.State.Running}} {{range .Mounts}}{{.Name}}{{end}}", name)
		if got != "true "+name+"-state" {
			t.Errorf("container %s: %s", name, got)
		}
	}
}

// Images reach docker, if that is wanted, also those of a stopped builder.
func testLoad(t *testing.T) {
	base, app := packages(t)
	s := newCache(t, base)
	bc := pkglib.BuilderConfig{Name: "loading", Image: builderImage}
	if _, err := build(t.Context(), s, app, pkglib.WithBuildBuilderConfig(bc), pkglib.WithBuildTargetDockerCache()); err != nil {
		t.Fatalf("%v\n%s", err, docker(t, nil, "logs", bc.Name))
	}
	checkApp(t, s, app)
	if got := docker(t, nil, "image", "inspect", "--format", "{{index .RepoTags 0}} {{.Architecture}}", app.Tag()); !strings.Contains(got, host[len("linux/"):]) {
		t.Errorf("docker has %s", got)
	}
}

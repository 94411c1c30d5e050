package buildkit

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test binary stand for docker, when it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker" {
		os.Exit(dockerMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fakeDocker is the state of an engine with one container, kept in a file.
type fakeDocker struct {
	Contexts   []string
	Container  *state
	Files      map[string]string // in the container
	FailCreate int               // how often making a container fails
	Appear     bool              // another process makes the container when that fails
	Log        []string
}

// newFakeDocker puts a docker with this state on the PATH.
func newFakeDocker(t *testing.T, d fakeDocker) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "docker")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("FAKE_DOCKER", filepath.Join(dir, "state"))
	d.save()
}

func loadFakeDocker() fakeDocker {
	var d fakeDocker
	data, err := os.ReadFile(os.Getenv("FAKE_DOCKER"))
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		panic(err)
	}
	return d
}

func (d *fakeDocker) save() {
	data, err := json.Marshal(d)
	if err == nil {
		err = os.WriteFile(os.Getenv("FAKE_DOCKER"), data, 0o600)
	}
	if err != nil {
		panic(err)
	}
}

func dockerMain(args []string) int {
	d := loadFakeDocker()
	defer d.save()
	in := "default"
	if args[0] == "--context" {
		in, args = args[1], args[2:]
	}
	if line := strings.Join(args, " "); !strings.HasPrefix(line, "context inspect") {
		d.Log = append(d.Log, in+": "+line)
	}
	if err := d.do(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (d *fakeDocker) do(args []string) error {
	line := strings.Join(args, " ")
	switch {
	case args[0] == "version", args[0] == "exec", strings.HasPrefix(line, "volume rm"):
		return nil
	case strings.HasPrefix(line, "context inspect"):
		if args[2] != "default" && !slices.Contains(d.Contexts, args[2]) {
			return fmt.Errorf("context %q does not exist", args[2])
		}
		return nil
	case args[0] == "cp":
		return d.copy()
	case strings.HasPrefix(line, "container create"):
		return d.create(args)
	}
	if d.Container == nil {
		return fmt.Errorf("Error: No such container: %s", args[2])
	}
	switch args[1] {
	case "inspect":
		return json.NewEncoder(os.Stdout).Encode([]*state{d.Container})
	case "stop":
		d.Container.State.Running = false
	case "rm":
		d.Container = nil
	case "start":
		d.Container.State.Running = true
	}
	return nil
}

func (d *fakeDocker) create(args []string) error {
	c := newState("moby/buildkit:v0.26.3", true)
	if d.FailCreate > 0 {
		d.FailCreate--
		if d.Appear {
			d.Container = c
		}
		return fmt.Errorf("the name is taken")
	}
	c.State.Running = false
	c.HostConfig.Privileged = slices.Contains(args, "--privileged")
	for i, a := range args {
		if a == "--label" {
			key, value, _ := strings.Cut(args[i+1], "=")
			c.Config.Labels[key] = value
			c.Config.Image = args[i+2]
		}
	}
	d.Container = c
	return nil
}

func (d *fakeDocker) copy() error {
	d.Files = map[string]string{}
	for r := tar.NewReader(os.Stdin); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		d.Files["/etc/"+h.Name] = string(data)
	}
}

// newState is a running container.
func newState(image string, privileged bool) *state {
	c := &state{}
	c.Config.Image, c.Config.Labels = image, map[string]string{}
	c.HostConfig.Privileged = privileged
	c.State.Running = true
	return c
}

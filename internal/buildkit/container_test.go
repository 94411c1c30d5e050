package buildkit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// steps are the commands that change something, without their arguments.
func steps(log []string) string {
	var list []string
	for _, line := range log {
		words := strings.Fields(line)
		switch words[1] {
		case "container", "volume":
			list = append(list, strings.TrimSuffix(words[2], "inspect"))
		case "cp":
			list = append(list, "cp")
		}
	}
	return strings.Join(strings.Fields(strings.Join(list, " ")), " ")
}

func TestContainerStates(t *testing.T) {
	stopped := newState(DefaultContainerImage, true)
	stopped.State.Running = false
	config := filepath.Join(t.TempDir(), "buildkitd.toml")
	writeFiles(t, filepath.Dir(config), map[string]string{"buildkitd.toml": "debug = true\n"})
	configured := newState(DefaultContainerImage, true)
	configured.Config.Labels[labelConfig] = "other"
	for name, c := range map[string]struct {
		docker fakeDocker
		want   Container
		steps  string
		err    string
	}{
		"absent":                 {fakeDocker{}, Container{}, "create start", ""},
		"running":                {fakeDocker{Container: newState(DefaultContainerImage, true)}, Container{}, "", ""},
		"stopped":                {fakeDocker{Container: stopped}, Container{}, "start", ""},
		"other image":            {fakeDocker{Container: newState("moby/buildkit:v0.1", true)}, Container{}, "stop rm rm create start", ""},
		"unprivileged":           {fakeDocker{Container: newState(DefaultContainerImage, false)}, Container{}, "stop rm create start", ""},
		"no longer configured":   {fakeDocker{Container: configured}, Container{}, "stop rm create start", ""},
		"configured otherwise":   {fakeDocker{Container: configured}, Container{ConfigPath: config}, "stop rm create cp start", ""},
		"first configuration":    {fakeDocker{}, Container{ConfigPath: config}, "create cp start", ""},
		"restart":                {fakeDocker{Container: newState(DefaultContainerImage, true)}, Container{Restart: true}, "stop rm create start", ""},
		"restart with new image": {fakeDocker{Container: newState("x:1", true)}, Container{Restart: true}, "stop rm rm create start", ""},
		"others are quicker":     {fakeDocker{FailCreate: 1, Appear: true}, Container{}, "create", ""},
		"cannot be made":         {fakeDocker{FailCreate: 9}, Container{}, "create create create", "unable to create or find builder container linuxkit-builder in context default after 3 retries"},
	} {
		t.Run(name, func(t *testing.T) {
			newFakeDocker(t, c.docker)
			c.want.setDefaults()
			err := c.want.ensure(t.Context(), defaultContext, false)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			after := loadFakeDocker()
			if got := steps(after.Log); got != c.steps {
				t.Errorf("steps %q, want %q\n%s", got, c.steps, strings.Join(after.Log, "\n"))
			}
			if c.err == "" && (!after.Container.State.Running || !after.Container.HostConfig.Privileged) {
				t.Errorf("container %+v", after.Container)
			}
		})
	}
}

func TestContainerCommand(t *testing.T) {
	newFakeDocker(t, fakeDocker{Contexts: []string{"far"}})
	c := Container{Name: "mine"}
	c.setDefaults()
	if err := c.ensure(t.Context(), "nosuch", true); err == nil || !strings.Contains(err.Error(), "provided docker context 'nosuch' not found") {
		t.Errorf("a missing context: %v", err)
	}
	if err := c.ensure(t.Context(), "far", true); err != nil {
		t.Fatal(err)
	}
	want := "far: container create --name mine --privileged -v mine-state:/var/lib/buildkit --label " + labelConfig + "= " + DefaultContainerImage +
		" --allow-insecure-entitlement network.host --addr unix:///run/buildkit/buildkitd.sock --debug"
	log := loadFakeDocker().Log
	if len(log) < 2 || log[1] != want {
		t.Errorf("commands %q, want %q", log, want)
	}
	for _, line := range log {
		if !strings.HasPrefix(line, "far: ") {
			t.Errorf("%q is not in the context", line)
		}
	}
}

func TestContainerConfig(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"c.toml": "[registry.\"reg.io:5000/x\"]\n ca=[\"ca.pem\"]\n http=true\n[[registry.\"reg.io:5000/x\".keypair]]\n key=\"" + filepath.Join(dir, "k.pem") + "\"\n cert=\"c.pem\"\n",
		"ca.pem": "CA", "k.pem": "KEY", "c.pem": "CERT", "bad.toml": "[", "gone.toml": "[registry.r]\nca=[\"nosuch.pem\"]\n",
	})
	newFakeDocker(t, fakeDocker{})
	c := Container{ConfigPath: filepath.Join(dir, "c.toml")}
	c.setDefaults()
	if err := c.ensure(t.Context(), defaultContext, false); err != nil {
		t.Fatal(err)
	}
	d := loadFakeDocker()
	for name, want := range map[string]string{"ca.pem": "CA", "k.pem": "KEY", "c.pem": "CERT"} {
		if got := d.Files["/etc/buildkit/certs/reg.io_5000_x/"+name]; got != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
	for _, want := range []string{"'/etc/buildkit/certs/reg.io_5000_x/ca.pem'", "'/etc/buildkit/certs/reg.io_5000_x/k.pem'", "http = true"} {
		if !strings.Contains(d.Files["/etc/buildkit/buildkitd.toml"], want) {
			t.Errorf("configuration lacks %s:\n%s", want, d.Files["/etc/buildkit/buildkitd.toml"])
		}
	}
	writeFiles(t, dir, map[string]string{"ca.pem": "NEW"})
	if err := c.ensure(t.Context(), defaultContext, false); err != nil {
		t.Fatal(err)
	}
	if got := loadFakeDocker().Files["/etc/buildkit/certs/reg.io_5000_x/ca.pem"]; got != "NEW" {
		t.Errorf("a new certificate was not noticed: %q", got)
	}
	for _, name := range []string{"bad.toml", "gone.toml", "nosuch.toml"} {
		if _, err := loadConfig(filepath.Join(dir, name), configDir); err == nil || !strings.Contains(err.Error(), "failed to load buildkit config file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFallback(t *testing.T) {
	newFakeDocker(t, fakeDocker{Contexts: []string{"linuxkit-linux-arm64"}})
	p := NewPool(Config{})
	for platform, want := range map[string]string{"arm64": "linuxkit-linux-arm64", "amd64": "default"} {
		target := amd64
		target.Architecture = platform
		if got, err := p.fallback(t.Context(), target); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", platform, got, err, want)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := p.fallback(t.Context(), amd64); err == nil || !strings.Contains(err.Error(), "set BUILDKIT_HOST") || !strings.Contains(err.Error(), ErrNoDocker.Error()) {
		t.Errorf("nothing at all: %v", err)
	}
	if got, err := NewPool(Config{Host: "tcp://h:1"}).fallback(t.Context(), amd64); err != nil || got != "tcp://h:1" {
		t.Errorf("given address: %q, %v", got, err)
	}
}

// A build that is cancelled while it looks for a builder says so, and does not
// give one after the other up for lost.
func TestCancelledSearch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := NewPool(Config{})
	defer p.Close(t.Context())
	_, err := p.take(ctx, amd64, []string{"tcp://192.0.2.1:1", "tcp://192.0.2.2:1"})
	if !strings.Contains(fmt.Sprint(err), "context canceled") || errors.Is(err, ErrNoBuilder) {
		t.Errorf("error %v", err)
	}
}

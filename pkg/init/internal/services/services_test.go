package services

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/pkg/init/internal/bundle"
)

func TestParseConfig(t *testing.T) {
	for text, want := range map[string]*daemonConfig{
		"": {},
		"cliopts=\"--log-level trace\"\nstderr=\"/var/log/containerd.out.log\"\n": {Options: "--log-level trace", Stderr: "/var/log/containerd.out.log"},
		"stdout='stderr'\nstderr='stdout'":                                        {Stdout: "stderr", Stderr: "stdout"},
		"stderr=\"foo\"":                                                          nil,
		"stdout=\"./log\"":                                                        nil,
		"cliopts=7":                                                               nil,
		"cliopts=":                                                                nil,
		"not toml":                                                                nil,
		"cliopts=\"a\"\ncliopts=\"b\"":                                            nil,
	} {
		got, err := parseConfig([]byte(text))
		if (err == nil) != (want != nil) || want != nil && got != *want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	c := daemonConfig{Options: "  --log-level\ttrace \n -x "}
	if got := c.args(); !reflect.DeepEqual(got, []string{"--log-level", "trace", "-x"}) {
		t.Errorf("arguments %q", got)
	}
}

func TestLoadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runtime-config.toml")
	if c, err := loadConfig(path); err != nil || c != (daemonConfig{}) {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	if err := os.WriteFile(path, []byte("stderr='foo'"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("cliopts=\"--log-level trace\"\nstderr=\"/x\""))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := parseConfig(raw); err == nil && (!isWriter(c.Stdout) || !isWriter(c.Stderr)) {
			t.Errorf("%+v", c)
		}
	})
}

func TestAbsoluteRoot(t *testing.T) {
	for raw, want := range map[string]string{
		`{"ociVersion":"1.2.1","root":{"path":"rootfs"}}`:              `{"ociVersion":"1.2.1","root":{"path":"/b/rootfs"}}`,
		`{"root":{"path":"rootfs","readonly":true},"x":[1,{"y":"<"}]}`: `{"root":{"path":"/b/rootfs","readonly":true},"x":[1,{"y":"<"}]}`,
		`{}`:            `{"root":{"path":"/b/rootfs"}}`,
		`{"root":null}`: `{"root":{"path":"/b/rootfs"}}`,
		`null`:          "",
		`[]`:            "",
		`{"root":"x"}`:  "",
		``:              "",
	} {
		got, err := absoluteRoot([]byte(raw), "/b/rootfs")
		if want == "" {
			if err == nil {
				t.Errorf("%s is taken: %s", raw, got)
			}
			continue
		}
		var a, b any
		if err != nil || json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %s, %v", raw, got, err)
		}
	}
}

func TestLoad(t *testing.T) {
	m := &Manager{Path: t.TempDir()}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "nosuch"} {
		if _, _, err := m.load(name); err == nil {
			t.Errorf("%q is a service", name)
		}
	}
	if err := os.MkdirAll(filepath.Join(m.Path, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.Path, "x/runtime.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.load("x"); !errors.Is(err, bundle.ErrMalformed) {
		t.Error(err)
	}
	if names, err := m.names(); err != nil || !reflect.DeepEqual(names, []string{"x"}) {
		t.Errorf("services %q, %v", names, err)
	}
	m.Path = filepath.Join(m.Path, "none")
	if names, err := m.names(); err != nil || len(names) > 0 {
		t.Errorf("services %q, %v", names, err)
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "containerd")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDaemonThatDies(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "run/containerd.sock")
	for text, want := range map[string]string{"exit 7": "containerd process exited: status 7", "kill -9 $$": "containerd process exited: signal killed"} {
		d, err := startDaemon(script(t, text), daemonConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.connect(socket, "x"); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	m := &Manager{Socket: socket, Program: filepath.Join(t.TempDir(), "none"), Config: socket + "/none"}
	if err := m.Init(); err == nil || !strings.Contains(err.Error(), "cannot start containerd") {
		t.Errorf("without containerd: %v", err)
	}
}

func TestDaemonOptionsAndOutput(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "log")
	d, err := startDaemon(script(t, `echo "$@"; exit 0`), daemonConfig{Options: "--log-level trace", Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.connect(filepath.Join(dir, "sock"), "x"); err == nil {
		t.Error("connected to nobody")
	}
	if raw, err := os.ReadFile(out); err != nil || string(raw) != "--log-level trace\n" {
		t.Errorf("output %q, %v", raw, err)
	}
}

// The socket may be there before anybody listens on it, and come late.
func TestConnectWaits(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "containerd.sock")
	d, err := startDaemon(script(t, "exec sleep 60"), daemonConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p, _ := os.FindProcess(d.pid)
		_ = p.Kill()
		_, _ = p.Wait()
	})
	go func() {
		time.Sleep(20 * time.Millisecond)
		l, err := net.Listen("unix", socket)
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
	}()
	c, err := d.connect(socket, "x")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/pkg/init/internal/bundle"
	"github.com/linuxkit/linuxkit/pkg/init/internal/runc"
	"github.com/linuxkit/linuxkit/pkg/init/internal/streams"
)

// newRun is a stage over bundles with the given runtime.json, and what its
// messages and the output of its containers come to.
func newRun(t *testing.T, bundles map[string]string) (*run, func() string) {
	t.Helper()
	root := t.TempDir()
	for name, runtime := range bundles {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "runtime.json"), []byte(runtime), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	logs := t.TempDir()
	s := &Stage{Kind: "onboot", Root: root, Logs: logs, Stdout: out, Stderr: out}
	return &run{Stage: s, scratch: t.TempDir(), log: streams.Choose(logs, "")}, func() string {
		raw, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(raw), root, "R")
	}
}

func (r *run) entries(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(r.Root)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestOrderAndFailures(t *testing.T) {
	bundles := map[string]string{"a-file-less": `{}`}
	for i := range 11 {
		bundles[fmt.Sprintf("%03d-x", i)] = `{}`
	}
	bundles["001-x"] = `{"mounts":[{"destination":"rel","type":"nosuchfs"}]}`
	r, shown := newRun(t, bundles)
	var ran []string
	r.execute = func(c *runc.Container) error {
		ran = append(ran, c.ID)
		_, _ = fmt.Fprintf(c.Stdout, "out of %s\n", c.ID)
		_, _ = fmt.Fprintf(c.Stderr, "err of %s\n", c.ID)
		if c.ID == "002-x" {
			return errors.New("no such command")
		}
		return nil
	}
	if err := r.all(r.entries(t)); !errors.Is(err, ErrFailed) {
		t.Errorf("error %v", err)
	}
	want := strings.Fields("000-x 002-x 003-x 004-x 005-x 006-x 007-x 008-x 009-x 010-x a-file-less")
	if !reflect.DeepEqual(ran, want) {
		t.Errorf("ran %q", ran)
	}
	console := shown()
	for _, text := range []string{
		"onboot 000-x: from R/000-x\nout of 000-x\nerr of 000-x\nonboot 001-x: from",
		"onboot 001-x: error preparing: ",
		"out of 002-x\nerr of 002-x\nonboot 002-x: error creating/starting: no such command\n",
	} {
		if !strings.Contains(console, text) {
			t.Errorf("no %q in %s", text, console)
		}
	}
}

func TestMalformedEndsTheStage(t *testing.T) {
	r, _ := newRun(t, map[string]string{"000-a": `{}`, "001-b": `{"mounts":7}`, "002-c": `{}`})
	var ran []string
	r.execute = func(c *runc.Container) error { ran = append(ran, c.ID); return nil }
	if err := r.all(r.entries(t)); !errors.Is(err, bundle.ErrMalformed) {
		t.Errorf("error %v", err)
	}
	if !reflect.DeepEqual(ran, []string{"000-a"}) {
		t.Errorf("ran %q", ran)
	}
}

func TestOptions(t *testing.T) {
	r, shown := newRun(t, map[string]string{"000-a": `{"bindNS":{"net":"/run/netns/x"}}`})
	r.debug, r.console = true, true
	r.execute = func(c *runc.Container) error {
		if !c.Debug || !c.Terminal || c.Stdout != r.Stdout || c.Stderr != r.Stderr || c.StartStdout == nil || c.StartStdout == r.Stdout || c.Prepare == nil {
			t.Errorf("%+v", c)
		}
		c.Step("creating")
		return nil
	}
	if err := r.all(r.entries(t)); err != nil {
		t.Error(err)
	}
	if got := shown(); got != "onboot 000-a: from R/000-a\nonboot 000-a: creating\nonboot 000-a: complete\n" {
		t.Errorf("console: %s", got)
	}
	r.debug, r.console = false, false
	r.execute = func(c *runc.Container) error {
		if c.Debug || c.Terminal || c.Stdout == r.Stdout {
			t.Errorf("%+v", c)
		}
		return nil
	}
	if err := r.all(r.entries(t)); err != nil {
		t.Error(err)
	}
}

func TestNoContainers(t *testing.T) {
	s := Onboot(os.Stdout, os.Stderr)
	s.Root = filepath.Join(t.TempDir(), "none")
	if err := s.Run(); err != nil {
		t.Error(err)
	}
}

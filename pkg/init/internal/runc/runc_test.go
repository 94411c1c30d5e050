package runc

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// fake is a runc that notes how it is called and runs a process for create.
const fake = `#!/bin/sh
echo "$@" >>"$FAKE_DIR/calls"
[ "$1" = --debug ] && shift
command=$1; shift
while [ $# -gt 1 ]; do
	[ "$1" = --pid-file ] && pidfile=$2
	[ "$1" = --detach ] && detach=1
	shift
done
[ -e "$FAKE_DIR/fail-$command" ] && exit 1
case $command in
create) sleep 0.05 & printf %s $! >"$pidfile" ;;
run) if [ "$detach" ]; then sleep 0.05 & printf %s $! >"$pidfile"; else printf 1 >"$pidfile"; exit 3; fi ;;
esac
exit 0
`

func fakeRunc(t *testing.T, namespaces string, failing ...string) (*Container, func() []string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell for the stand-in of runc")
	}
	dir := t.TempDir()
	t.Setenv("FAKE_DIR", dir)
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("runc", fake, 0o755)
	write("config.json", `{"linux":{"namespaces":[`+namespaces+`]}}`, 0o644)
	for _, command := range failing {
		write("fail-"+command, "", 0o644)
	}
	c := &Container{ID: "000-x", Dir: dir, Scratch: dir, Stdout: os.Stdout, Stderr: os.Stderr, program: filepath.Join(dir, "runc"), groups: func(int) cgroups { return nil }}
	return c, func() []string {
		raw, _ := os.ReadFile(filepath.Join(dir, "calls"))
		text := strings.ReplaceAll(strings.TrimSpace(string(raw)), dir, "D")
		return strings.Split(text, "\n")
	}
}

const private = `{"type":"mount"},{"type":"pid"}`

func TestRun(t *testing.T) {
	create := "create --bundle D --pid-file D/000-x 000-x"
	for name, c := range map[string]struct {
		namespaces        string
		prepare, terminal bool
		failing           string
		want              []string
		ok                bool
	}{
		"private":         {private, false, false, "", []string{"run --bundle D --pid-file D/000-x 000-x"}, true},
		"private fails":   {private, false, false, "run", []string{"run --bundle D --pid-file D/000-x 000-x"}, false},
		"shared":          {`{"type":"mount"}`, false, false, "", []string{"run --detach --bundle D --pid-file D/000-x 000-x", "delete 000-x"}, true},
		"joined":          {`{"type":"pid","path":"/run/pid"}`, false, false, "", []string{"run --detach --bundle D --pid-file D/000-x 000-x", "delete 000-x"}, true},
		"terminal":        {private, false, true, "", []string{"run --detach --bundle D --pid-file D/000-x 000-x", "delete 000-x"}, true},
		"prepared":        {private, true, false, "", []string{create, "start 000-x", "delete 000-x"}, true},
		"create fails":    {private, true, false, "create", []string{create, "delete --force 000-x"}, false},
		"start fails":     {private, true, false, "start", []string{create, "start 000-x", "delete --force 000-x"}, false},
		"deletion fails":  {private, true, false, "delete", []string{create, "start 000-x", "delete 000-x"}, false},
		"prepared shared": {"", true, false, "", []string{create, "start 000-x", "delete 000-x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			container, calls := fakeRunc(t, c.namespaces, c.failing)
			container.Terminal = c.terminal
			// Stand-ins have no container to kill; orphans of a shell are ours.
			subreaper(t)
			var pid int
			if c.prepare {
				container.Prepare = func(p int) error { pid = p; return nil }
			}
			err := container.Run()
			if (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
			if got := calls(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("calls %q", got)
			}
			if c.prepare && c.failing != "create" && pid <= 0 {
				t.Errorf("prepared process %d", pid)
			}
			if _, err := os.Stat(container.pidFile()); err == nil {
				t.Error("the process number stays on file")
			}
		})
	}
}

func TestDebugAndFailedPreparation(t *testing.T) {
	c, calls := fakeRunc(t, private)
	subreaper(t)
	c.Debug = true
	var steps []string
	c.Step = func(s string) { steps = append(steps, s) }
	broken := errors.New("no such device")
	c.Prepare = func(int) error { return broken }
	if err := c.Run(); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := calls(); !reflect.DeepEqual(got, []string{"--debug create --bundle D --pid-file D/000-x 000-x", "--debug delete --force 000-x"}) {
		t.Errorf("calls %q", got)
	}
	if !reflect.DeepEqual(steps, []string{"creating", "preparing"}) {
		t.Errorf("steps %q", steps)
	}
}

// Processes that outlive a container are only possible without a PID namespace,
// and are left alone.
func TestSurvivors(t *testing.T) {
	for namespaces, want := range map[string]string{"": "run", private: "delete"} {
		c, calls := fakeRunc(t, namespaces)
		subreaper(t)
		c.Terminal = true
		if err := os.WriteFile(filepath.Join(c.Dir, "cgroup.procs"), []byte("17\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c.groups = func(int) cgroups { return cgroups{c.Dir} }
		if err := c.Run(); err != nil {
			t.Error(err)
		}
		got := calls()
		if last := got[len(got)-1]; !strings.HasPrefix(last, want) {
			t.Errorf("namespaces %q: calls %q", namespaces, got)
		}
	}
}

func TestBadBundle(t *testing.T) {
	c, _ := fakeRunc(t, private)
	for _, text := range []string{"", "{", `{"linux":7}`} {
		if err := os.WriteFile(filepath.Join(c.Dir, "config.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := c.Run(); err == nil {
			t.Errorf("%q is run", text)
		}
	}
	if err := os.Remove(filepath.Join(c.Dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func subreaper(t *testing.T) {
	t.Helper()
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		t.Fatal(errno)
	}
}

func TestParseCgroups(t *testing.T) {
	for text, want := range map[string]cgroups{
		"0::/000-x\n": {"/cg/000-x"},
		"0::/\n":      nil,
		"":            nil,
		"12:cpu,cpuacct:/a\n1:name=systemd:/b/c\n3:memory:/\n": {"/cg/cpu,cpuacct/a", "/cg/systemd/b/c"},
		"garbage\n": nil,
	} {
		if got := parseCgroups(text, "/cg"); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestPopulated(t *testing.T) {
	dir := t.TempDir()
	groups := cgroups{filepath.Join(dir, "gone"), dir}
	for procs, want := range map[string]bool{"": false, "17\n": true} {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(procs), 0o644); err != nil {
			t.Fatal(err)
		}
		if groups.populated() != want {
			t.Errorf("processes %q", procs)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{0: 0, 0x300: 3, 9: 137} {
		if got := exitStatus(status); got != want {
			t.Errorf("%#x: %d", status, got)
		}
	}
}

// Package stage runs the containers that run one after the other: onboot and
// onshutdown, as section 8 of the guest contract describes them.
//
// It owns the order and what happens after a failure. It knows nothing of
// services.
package stage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/bundle"
	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/runc"
	"github.com/linuxkit/linuxkit/pkg/init/internal/streams"
)

// Stage is a list of containers.
type Stage struct {
	// Kind is what messages and logs call the containers: onboot or shutdown.
	Kind string
	// Root holds the bundles, a directory each.
	Root string
	// Logs is where the output goes, Link where it is to be found afterwards.
	Logs, Link string
	// Stdout and Stderr take messages and, at its end, the output of a container.
	Stdout, Stderr *os.File
}

// Onboot and Onshutdown are the stages of a LinuxKit system.
func Onboot(stdout, stderr *os.File) *Stage {
	return &Stage{"onboot", "/containers/onboot", "/run/log/onboot", "/var/log/onboot", stdout, stderr}
}

// Onshutdown runs while services and network are still up.
func Onshutdown(stdout, stderr *os.File) *Stage {
	return &Stage{"shutdown", "/containers/onshutdown", "/run/log/shutdown", "/var/log/shutdown", stdout, stderr}
}

// ErrFailed says that a container could not be run; the others were.
var ErrFailed = errors.New("not every container could be run")

// Run runs the containers. It ends early only for a runtime.json that cannot be
// read as one.
func (s *Stage) Run() error {
	entries, err := os.ReadDir(s.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	line, err := kcmd.Read()
	if err != nil {
		return fmt.Errorf("%s: read the kernel command line: %w", s.Kind, err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("%s: become a subreaper: %w", s.Kind, err)
	}
	scratch, err := os.MkdirTemp("", s.Kind)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	s.sayCgroups()
	r := &run{Stage: s, scratch: scratch, log: streams.Choose(s.Logs, s.Link), execute: (*runc.Container).Run}
	r.debug, r.console = line.Has("linuxkit.runc_debug=1"), line.Has("linuxkit.runc_console=1")
	err = r.all(entries)
	if closeErr := r.log.Close(); closeErr != nil {
		s.complain("%s: make the logs easy to find: %v", s.Kind, closeErr)
	}
	return err
}

func (s *Stage) sayCgroups() {
	version := "v1"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		version = "v2"
	}
	s.say("Using cgroup %s", version)
}

func (s *Stage) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Stdout, format+"\n", args...)
}

func (s *Stage) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Stderr, format+"\n", args...)
}

// run is a stage while it runs.
type run struct {
	*Stage
	scratch        string
	log            streams.Log
	debug, console bool
	execute        func(*runc.Container) error
}

func (r *run) all(entries []os.DirEntry) error {
	var failed error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		err := r.one(e.Name())
		if errors.Is(err, bundle.ErrMalformed) {
			return err
		}
		if err != nil {
			r.complain("%s %s: %v", r.Kind, e.Name(), err)
			failed = ErrFailed
		}
		runc.ReapOrphans()
	}
	return failed
}

// one runs the container of a bundle.
func (r *run) one(name string) error {
	dir := filepath.Join(r.Root, name)
	r.say("%s %s: from %s", r.Kind, name, dir)
	rt, err := bundle.Load(dir)
	if err != nil {
		return err
	}
	defer bundle.Release(dir)
	warnings, err := rt.Prepare(dir)
	if err != nil {
		return fmt.Errorf("error preparing: %w", err)
	}
	if warnings != nil {
		r.complain("%s %s: %v", r.Kind, name, warnings)
	}
	out, errs := r.open(name+".out"), r.open(name)
	err = r.container(name, dir, rt, out, errs)
	_, _ = out.Close(), errs.Close()
	r.dump(name+".out", r.Stdout)
	r.dump(name, r.Stderr)
	if err != nil {
		return fmt.Errorf("error creating/starting: %w", err)
	}
	return nil
}

func (r *run) container(name, dir string, rt *bundle.Runtime, out, errs *os.File) error {
	c := runc.Container{
		ID: name, Dir: dir, Scratch: r.scratch, Debug: r.debug,
		Stdout: out, Stderr: errs,
		Step: func(step string) {
			if r.debug {
				r.say("%s %s: %s", r.Kind, name, step)
			}
		},
	}
	if r.console {
		c.Stdout, c.Stderr, c.Terminal = r.Stdout, r.Stderr, true
		c.StartStdout, c.StartStderr = out, errs
	}
	if rt.NeedsProcess() {
		c.Prepare = func(pid int) error { return rt.PrepareProcess(pid, r.Stderr) }
	}
	err := r.execute(&c)
	c.Step("complete")
	return err
}

func (r *run) stream(name string) string { return r.Kind + "." + name }

// open opens a log; output that has no place there is discarded.
func (r *run) open(name string) *os.File {
	f, err := r.log.Open(r.stream(name))
	if err == nil {
		return f
	}
	r.complain("%s: no log for %s: %v", r.Kind, name, err)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return r.Stderr
	}
	return null
}

func (r *run) dump(name string, w io.Writer) {
	if err := r.log.Dump(r.stream(name), w); err != nil {
		r.complain("%s: show the log of %s: %v", r.Kind, name, err)
	}
}

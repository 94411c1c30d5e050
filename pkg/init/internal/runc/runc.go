// Package runc runs containers through the runc program, one after the other.
//
// It owns which commands of runc are used and how the process of a container is
// waited for. What the container is comes from its bundle; what its output is
// written to, from the caller. The calling process must be a child subreaper.
package runc

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Program is the path of runc.
const Program = "/usr/bin/runc"

// Container is one container to run to its end.
type Container struct {
	// ID is unique on the system. Dir is the bundle.
	ID, Dir string
	// Scratch is a private directory for files that live as long as Run.
	Scratch string
	// Debug makes runc log what it does.
	Debug bool
	// Output takes what the container and runc write.
	Stdout, Stderr *os.File
	// StartOutput takes what "runc start" writes, if it is another place.
	StartStdout, StartStderr *os.File
	// Terminal means that Stdout is one that the container should see.
	Terminal bool
	// Prepare is called with the process number when the container has been
	// created and not been started. It may be nil.
	Prepare func(pid int) error
	// Step is called with what is done next. It may be nil.
	Step func(string)

	// program and groups are Program and cgroupsOf outside of tests.
	program string
	groups  func(pid int) cgroups
}

// Run creates and starts the container, waits for its end and removes what runc
// keeps about it. The status of the container is no error.
func (c *Container) Run() error {
	if c.program == "" {
		c.program, c.groups = Program, cgroupsOf
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	private, err := privatePIDs(c.Dir)
	if err != nil {
		return err
	}
	if c.Prepare == nil && private && !c.Terminal {
		return c.runThrough()
	}
	return c.runInSteps(private)
}

// runThrough is one start of runc, which stays until the container has ended
// and cleans up itself.
func (c *Container) runThrough() error {
	c.Step("creating and starting")
	pidFile := c.pidFile()
	defer func() { _ = os.Remove(pidFile) }()
	status, err := c.runc(c.Stdout, c.Stderr, "run", "--bundle", c.Dir, "--pid-file", pidFile, c.ID)
	if err != nil {
		return err
	}
	// With a process number on file the status is that of the container.
	if _, err := readPID(pidFile); err != nil && status != 0 {
		return fmt.Errorf("run container %s: runc ended with status %d", c.ID, status)
	}
	return nil
}

// runInSteps leaves the container to itself once it runs. One that shares its
// process numbers may leave processes behind, which deleting it would kill.
func (c *Container) runInSteps(private bool) error {
	pidFile := c.pidFile()
	defer func() { _ = os.Remove(pidFile) }()
	launch := c.launch
	if c.Prepare != nil {
		launch = c.launchPrepared
	}
	pid, err := launch(pidFile)
	if err != nil {
		_, _ = c.runc(c.startOut(), c.startErr(), "delete", "--force", c.ID)
		reap(pid)
		return err
	}
	groups := c.groups(pid)
	c.Step("waiting for completion")
	reap(pid)
	if !private && groups.populated() {
		return nil
	}
	c.Step("cleaning up")
	return c.must(c.startOut(), c.startErr(), "delete", c.ID)
}

// launch creates and starts at once.
func (c *Container) launch(pidFile string) (pid int, err error) {
	c.Step("creating and starting")
	if err := c.must(c.Stdout, c.Stderr, "run", "--detach", "--bundle", c.Dir, "--pid-file", pidFile, c.ID); err != nil {
		return 0, err
	}
	return readPID(pidFile)
}

// launchPrepared leaves room for preparations between creation and start.
func (c *Container) launchPrepared(pidFile string) (pid int, err error) {
	c.Step("creating")
	if err := c.must(c.Stdout, c.Stderr, "create", "--bundle", c.Dir, "--pid-file", pidFile, c.ID); err != nil {
		return 0, err
	}
	if pid, err = readPID(pidFile); err != nil {
		return 0, err
	}
	c.Step("preparing")
	if err := c.Prepare(pid); err != nil {
		return pid, err
	}
	c.Step("starting")
	return pid, c.must(c.startOut(), c.startErr(), "start", c.ID)
}

func (c *Container) pidFile() string { return filepath.Join(c.Scratch, c.ID) }

func (c *Container) startOut() *os.File {
	if c.StartStdout != nil {
		return c.StartStdout
	}
	return c.Stdout
}

func (c *Container) startErr() *os.File {
	if c.StartStderr != nil {
		return c.StartStderr
	}
	return c.Stderr
}

func (c *Container) must(stdout, stderr *os.File, args ...string) error {
	status, err := c.runc(stdout, stderr, args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s container %s: runc ended with status %d", args[0], c.ID, status)
	}
	return err
}

// runc runs one command of runc and returns its exit status.
func (c *Container) runc(stdout, stderr *os.File, args ...string) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer func() { _ = null.Close() }()
	argv := []string{c.program}
	if c.Debug {
		argv = append(argv, "--debug")
	}
	pid, err := syscall.ForkExec(c.program, append(argv, args...), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), stdout.Fd(), stderr.Fd()},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", c.program, err)
	}
	return exitStatus(reap(pid)), nil
}

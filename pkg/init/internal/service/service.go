// Package service is the command line of the program "service", as sections 6
// and 11 of the guest contract describe it. It chooses what to do and reports;
// other packages do it.
package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/linuxkit/linuxkit/pkg/init/internal/services"
	"github.com/linuxkit/linuxkit/pkg/init/internal/stage"
	"github.com/linuxkit/linuxkit/pkg/init/internal/volumes"
)

const usage = `usage: %[1]s [-q] [-v] [-containerd-namespace NS] COMMAND [OPTIONS] [SERVICE]

Commands:
  system-init  start containerd and all services
  start        start a service
  stop         stop a service
  restart      stop a service and start it again

Run "%[1]s COMMAND -help" for the options of a command.
`

// errUsage means that usage has been shown already.
var errUsage = errors.New("wrong usage")

// command is one run of the program.
type command struct {
	name           string
	stdout, stderr *os.File
	quiet, verbose bool
	namespace      string
}

// Main runs the program and returns its exit status.
func Main(argv []string, stdout, stderr *os.File) int {
	c := &command{name: filepath.Base(argv[0]), stdout: stdout, stderr: stderr}
	err := c.run(argv)
	if err == nil {
		return 0
	}
	if !told(err) {
		c.complain(err)
	}
	return 1
}

// told says that the status is enough. Usage and failed containers have been
// reported, and most systems have no volumes.
func told(err error) bool {
	return errors.Is(err, errUsage) || err == stage.ErrFailed || errors.Is(err, volumes.ErrNone)
}

func (c *command) complain(err error) { _, _ = fmt.Fprintf(c.stderr, "%s: %v\n", c.name, err) }

func (c *command) run(argv []string) error {
	flags := c.flags("", func() { _, _ = fmt.Fprintf(c.stderr, usage, c.name) })
	flags.BoolVar(&c.quiet, "q", false, "say nothing but errors")
	flags.BoolVar(&c.verbose, "v", false, "say more")
	flags.StringVar(&c.namespace, "containerd-namespace", "services.linuxkit", "containerd namespace of the services")
	if err := flags.Parse(argv[1:]); err != nil {
		return errUsage
	}
	if c.quiet && c.verbose {
		return errors.New("-q and -v exclude each other")
	}
	if flags.NArg() == 0 {
		return c.byName(argv[0], flags.Usage)
	}
	return c.byCommand(flags.Arg(0), flags.Args()[1:], flags.Usage)
}

func (c *command) flags(name string, show func()) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	if show != nil {
		flags.Usage = show
	}
	return flags
}

// byName is what a script of init.d asks for: its path says it.
func (c *command) byName(path string, show func()) error {
	switch role(path) {
	case "volumes":
		return volumes.Mount(volumes.Base)
	case "onboot":
		return stage.Onboot(c.stdout, c.stderr).Run()
	case "onshutdown":
		return stage.Onshutdown(c.stdout, c.stderr).Run()
	case "shutdown.d":
		return c.manager(c.flags("", nil)).StopAll()
	case "containerd":
		return c.systemInit(nil)
	}
	show()
	return errUsage
}

// role finds the first of the known words in the path the program was started
// with.
func role(path string) string {
	for _, word := range []string{"volumes", "onboot", "onshutdown", "shutdown.d", "containerd"} {
		if strings.Contains(path, word) {
			return word
		}
	}
	return ""
}

func (c *command) byCommand(name string, args []string, show func()) error {
	switch name {
	case "system-init":
		return c.systemInit(args)
	case "start", "stop", "restart":
		return c.one(name, args)
	case "help":
		_, _ = fmt.Fprintf(c.stdout, usage, c.name)
		return nil
	}
	_, _ = fmt.Fprintf(c.stderr, "%s: no command %q\n", c.name, name)
	show()
	return errUsage
}

// manager adds the options that all commands about services have.
func (c *command) manager(flags *flag.FlagSet) *services.Manager {
	m := &services.Manager{Config: services.RuntimeConfig, Namespace: c.namespace, Gate: "/run/service.gate", Log: c.stderr}
	if c.verbose {
		m.Debug = io.Writer(c.stderr)
	}
	flags.StringVar(&m.Socket, "sock", "/run/containerd/containerd.sock", "socket of containerd")
	flags.StringVar(&m.Path, "path", "/containers/services", "directory of the services")
	return m
}

func (c *command) systemInit(args []string) error {
	flags := c.flags("system-init", nil)
	m := c.manager(flags)
	flags.StringVar(&m.Program, "containerd", "/usr/bin/containerd", "the program containerd")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return errUsage
	}
	return m.Init()
}

func (c *command) one(name string, args []string) error {
	flags := c.flags(name, nil)
	m := c.manager(flags)
	dump := flags.String("dump-spec", "", "also write the specification to this file")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if flags.NArg() != 1 {
		_, _ = fmt.Fprintf(c.stderr, "%s %s: takes one service\n", c.name, name)
		flags.Usage()
		return errUsage
	}
	if name != "start" {
		if err := m.Stop(flags.Arg(0)); err != nil || name == "stop" {
			return err
		}
	}
	return m.Start(flags.Arg(0), *dump)
}

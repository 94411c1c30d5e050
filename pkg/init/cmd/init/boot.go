package main

import (
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/hotplug"
	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/modules"
	"github.com/linuxkit/linuxkit/pkg/init/internal/mounts"
	"github.com/linuxkit/linuxkit/pkg/init/internal/reap"
	"github.com/linuxkit/linuxkit/pkg/init/internal/setup"
)

// boot brings the system up.
type boot struct {
	reaper   *reap.Reaper
	stopping atomic.Bool // nothing new is to be started
}

// bootProgram is rc.init: the boot, for a PID 1 that is not this program, or as
// the first program of a container.
func bootProgram([]string) int {
	log.SetPrefix("linuxkit: ")
	unix.Umask(0o022)
	b := &boot{reaper: reap.Start()}
	b.run()
	return 0
}

// system boots as PID 1. An image may bring an rc.init of its own.
func (b *boot) system() {
	const program = "/bin/rc.init"
	if _, err := os.Stat(program); err != nil || isSelf(program) {
		b.run()
		return
	}
	if _, err := b.reaper.Run(program, []string{program}); err != nil {
		log.Print(err)
	}
}

// run goes through all steps. Whatever fails is logged, and the boot goes on.
func (b *boot) run() {
	if _, err := os.Stat("/proc/self"); err == nil {
		b.container()
		return
	}
	mountEarly()
	line, err := kcmd.Read()
	report(err)
	mountAll(line)
	devices, err := hotplug.New(line)
	report(err)
	report(devices.Cold())
	if os.Getpid() == 1 {
		go devices.Rest()
		go func() { report(devices.Run()) }()
	}
	report(setup.Clock())
	report(setup.Loopback())
	b.userspace()
	if os.Getpid() != 1 {
		devices.Rest()
	}
}

// container is the boot where the machine is up already. When it is done and all
// its processes have ended, the container is over.
func (b *boot) container() {
	report(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	b.userspace()
	b.reaper.WaitAll()
	os.Exit(0)
}

// userspace are the steps that machines and containers share.
func (b *boot) userspace() {
	report(setup.Limits())
	report(setup.Hostname())
	report(setup.ResolvConf("/etc/resolv.conf"))
	paths, err := setup.Programs("/etc/init.d")
	report(err)
	for _, path := range paths {
		if b.stopping.Load() {
			return
		}
		b.start(path)
	}
}

// start runs a program and waits for it. What this file holds itself needs no
// process.
func (b *boot) start(path string) {
	if isSelf(path) && filepath.Base(path) == "000-issue" {
		issueProgram(nil)
		return
	}
	_, err := b.reaper.Run(path, []string{path})
	report(err)
}

// mountEarly mounts what it takes to read the kernel's command line.
func mountEarly() {
	mounts.MakeRoot()
	report(mounts.Proc.Do())
}

func mountAll(line kcmd.Line) {
	// Mounting makes the kernel ask for modules that hardly anybody wants, and
	// each time that is a process.
	modules.Autoload(false)
	defer modules.Autoload(true)
	_ = mounts.Seal()
	report(mounts.All(mounts.Volatile))
	report(mounts.FillVar("/var"))
	report(mounts.Dev.Do())
	report(mounts.FillDev("/dev"))
	report(openConsole())
	report(mounts.All(mounts.Kernel))
	report(mounts.Cgroups(line.Has("linuxkit.unified_cgroup_hierarchy=0")))
	report(mounts.Share())
}

// openConsole gives this process a console when the kernel could not.
func openConsole() error {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		return nil
	}
	fd, err := unix.Open("/dev/console", unix.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil // the machine has none
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/console", Err: err}
	}
	for std := range 3 {
		if err := unix.Dup3(fd, std, 0); err != nil {
			return err
		}
	}
	return unix.Close(fd)
}

// report logs an error, each of those that it joins on a line of its own.
func report(err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line != "" {
			log.Print(line)
		}
	}
}

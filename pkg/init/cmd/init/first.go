package main

import (
	"log"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/diskroot"
	"github.com/linuxkit/linuxkit/pkg/init/internal/halt"
	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/newroot"
	"github.com/linuxkit/linuxkit/pkg/init/internal/reap"
)

// firstProgram is /init and /sbin/init. As PID 1 it never returns.
func firstProgram(args []string) int {
	if os.Getpid() != 1 {
		log.Printf("%s: only the kernel starts this program; use poweroff, reboot or halt", args[0])
		return 1
	}
	log.SetPrefix("linuxkit: ")
	if err := leaveInitialRoot(args[1:]); err != nil {
		// The kernel's panic that follows keeps the message on the screen.
		log.Print(err)
		return 1
	}
	live()
	return 1
}

// leaveInitialRoot makes a root in memory fit for containers, or leaves it for
// one on a disk. When the image brings an init of its own, that goes on from
// there.
func leaveInitialRoot(args []string) error {
	needed, err := newroot.Needed()
	if err != nil || !needed {
		return err
	}
	if diskroot.Wanted() {
		return diskroot.Enter(args)
	}
	if err := newroot.Switch(); err != nil {
		return err
	}
	if sameFile("/init", "/sbin/init") {
		return nil
	}
	return &os.PathError{Op: "execute", Path: "/sbin/init", Err: unix.Exec("/sbin/init", []string{"/sbin/init"}, os.Environ())}
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// live is the life of PID 1: it boots the system, reaps, and ends the system
// when told to by a signal. A second signal during the end changes nothing.
func live() {
	environment()
	unix.Umask(0o022)
	// Ctrl-Alt-Del is to come as a signal instead of a reset.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil && !halt.Contained() {
		log.Printf("take over ctrl-alt-del: %v", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGPIPE)
	r := reap.Start()
	b := &boot{reaper: r}
	go func() {
		b.system()
		debug.FreeOSMemory()
	}()
	for s := range signals {
		if action := actionOf(s); action != "" {
			b.stopping.Store(true)
			end(r, action)
		}
	}
}

// environment is what all programs of the system start with.
func environment() {
	os.Clearenv()
	for _, v := range [][2]string{
		{"HOME", "/"},
		{"PATH", "/sbin:/usr/sbin:/bin:/usr/bin"},
		{"SHELL", "/bin/sh"},
		{"TERM", terminal()},
		{"USER", "root"},
	} {
		_ = os.Setenv(v[0], v[1])
	}
}

// terminal is the type of the console: the screen understands more than what is
// at the end of a serial line.
func terminal() string {
	// The size of the screen's font can be asked for only on a screen.
	if _, err := unix.IoctlGetInt(0, vtGetMode); err == nil {
		return "linux"
	}
	return "vt102"
}

// vtGetMode is VT_GETMODE; its result is eight bytes at most.
const vtGetMode = 0x5601

func actionOf(s os.Signal) halt.Action {
	switch s {
	case unix.SIGUSR2:
		return halt.Poweroff
	case unix.SIGUSR1:
		return halt.Halt
	case unix.SIGTERM, unix.SIGINT:
		return halt.Reboot
	}
	return ""
}

// end shuts down. An image may bring a program of its own for it.
func end(r *reap.Reaper, action halt.Action) {
	const program = "/bin/rc.shutdown"
	log.Printf("going down for %s", action)
	if _, err := os.Stat(program); err == nil && !isSelf(program) {
		if _, err := r.Run(program, []string{program, "noop"}); err != nil {
			log.Print(err)
		}
		halt.Rest()
	} else {
		line, _ := kcmd.Read()
		halt.Stop(r, halt.Timeout(line))
	}
	log.Print(action)
	err := halt.Now(action)
	if halt.Contained() {
		os.Exit(0)
	}
	report(err)
}

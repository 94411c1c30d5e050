package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/banner"
	"github.com/linuxkit/linuxkit/pkg/init/internal/halt"
	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/modules"
	"github.com/linuxkit/linuxkit/pkg/init/internal/reap"
)

// issueProgram is /etc/init.d/000-issue.
func issueProgram([]string) int {
	line, err := kcmd.Read()
	if err == nil {
		err = banner.Show("/etc/issue", "/dev", line.Consoles())
	}
	if err != nil {
		log.Printf("show the banner: %v", err)
		return 1
	}
	return 0
}

// shutdownProgram is rc.shutdown [action].
func shutdownProgram(args []string) int {
	action := halt.Poweroff
	if len(args) > 1 {
		action = halt.Action(args[1])
	}
	log.SetPrefix("linuxkit: ")
	line, _ := kcmd.Read()
	halt.Stop(reap.Start(), halt.Timeout(line))
	if action == halt.Halt {
		return 0 // PID 1 does that
	}
	if err := halt.Now(action); err != nil {
		log.Print(err)
	}
	return 0
}

// haltProgram is poweroff, reboot and halt: a signal to PID 1, or with -f the
// system call at once.
func haltProgram(args []string) int {
	action := halt.Action(filepath.Base(args[0]))
	force, sync := false, true
	for _, a := range args[1:] {
		switch a {
		case "-f", "--force":
			force = true
		case "-n", "--no-sync":
			sync = false
		default:
			fmt.Fprintf(os.Stderr, "usage: %s [-f] [-n]\n  -f  act at once, without a shutdown\n  -n  do not write out file systems first\n", action)
			return 1
		}
	}
	if err := doHalt(action, force, sync); err != nil {
		log.Printf("%s: %v", action, err)
		return 1
	}
	return 0
}

func doHalt(action halt.Action, force, sync bool) error {
	if force {
		if sync {
			unix.Sync()
		}
		return halt.Now(action)
	}
	signals := map[halt.Action]unix.Signal{
		halt.Poweroff: unix.SIGUSR2,
		halt.Halt:     unix.SIGUSR1,
		halt.Reboot:   unix.SIGTERM,
	}
	return unix.Kill(1, signals[action])
}

// modprobeProgram is modprobe [-abqv] name [parameter…], which is also what the
// kernel starts when it misses something.
func modprobeProgram(args []string) int {
	names, flags, err := modprobeArgs(args[1:])
	if err == nil {
		err = modprobe(names, flags)
	}
	if err == nil {
		return 0
	}
	if !strings.Contains(flags, "q") {
		log.Printf("modprobe: %v", err)
	}
	return 1
}

func modprobe(names []string, flags string) error {
	line, _ := kcmd.Read()
	db, err := modules.Open(line)
	if err != nil {
		return err
	}
	all, params := names, []string(nil)
	if !strings.Contains(flags, "a") {
		all, params = names[:1], names[1:]
	}
	var failed error
	for _, name := range all {
		if strings.Contains(flags, "b") && db.Blacklisted(name) {
			continue
		}
		if err := db.Probe(name, params...); err != nil {
			failed = err
		}
	}
	return failed
}

// modprobeArgs separates the flags, as letters, from the names.
func modprobeArgs(args []string) (names []string, flags string, err error) {
	long := map[string]string{"--all": "a", "--use-blacklist": "b", "--quiet": "q", "--silent": "q", "--verbose": "v"}
	for i, a := range args {
		switch {
		case a == "--":
			names = append(names, args[i+1:]...)
			return names, flags, needName(names)
		case long[a] != "":
			flags += long[a]
		case len(a) > 1 && a[0] == '-' && strings.Trim(a[1:], "abqsv") == "":
			flags += a[1:]
		case strings.HasPrefix(a, "-"):
			return nil, flags, fmt.Errorf("option %s is not known; usage: modprobe [-abqv] name [parameter...]", a)
		default:
			names = append(names, a)
		}
	}
	return names, flags, needName(names)
}

func needName(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("name a module; usage: modprobe [-abqv] name [parameter...]")
	}
	return nil
}

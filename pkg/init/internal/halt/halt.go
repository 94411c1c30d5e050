// Package halt ends a running system: shutdown programs, processes, swap and
// file systems, and the reboot(2) that comes last.
package halt

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/kcmd"
	"github.com/linuxkit/linuxkit/pkg/init/internal/reap"
	"github.com/linuxkit/linuxkit/pkg/init/internal/setup"
)

// Action is what becomes of the machine.
type Action string

// The actions. Any other word leaves the machine to the caller.
const (
	Poweroff Action = "poweroff"
	Reboot   Action = "reboot"
	Halt     Action = "halt"
)

const (
	// scriptsTimeout is for all shutdown programs together.
	scriptsTimeout = 90 * time.Second
	termTimeout    = 5 * time.Second
	killTimeout    = 2 * time.Second
	syncTimeout    = 30 * time.Second
)

// Timeout returns how long all shutdown programs may take together: the seconds
// of linuxkit.shutdown_timeout= on the kernel's command line, where 0 is for
// ever, or 90.
func Timeout(line kcmd.Line) time.Duration {
	seconds, err := strconv.ParseUint(line.Value("linuxkit.shutdown_timeout"), 10, 31)
	if err != nil {
		return scriptsTimeout
	}
	return time.Duration(seconds) * time.Second
}

// Stop brings everything to rest but the machine itself. The shutdown programs
// run first, while all else still does.
func Stop(r *reap.Reaper, timeout time.Duration) {
	runPrograms(r, "/etc/shutdown.d", timeout)
	Rest()
}

// Rest is Stop without the shutdown programs. In a container it leaves the file
// systems alone: to make one read-only here would do so for the whole machine.
func Rest() {
	log.Print("stopping all processes")
	endProcesses()
	if Contained() {
		return
	}
	log.Print("writing out and unmounting file systems")
	if !within(syncTimeout, unix.Sync) {
		log.Print("a file system does not answer; going on without it")
	}
	swapOff("/proc/swaps")
	unmountAll()
}

// Contained tells whether this process is in a container instead of being in
// charge of the machine.
func Contained() bool {
	// The namespaces that a kernel starts with have fixed numbers.
	namespace, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && namespace != "pid:[4026531836]"
}

// Now asks the kernel to act at once. It returns only on failure, or when the
// action is none.
func Now(a Action) error {
	commands := map[Action]int{
		Poweroff: unix.LINUX_REBOOT_CMD_POWER_OFF,
		Reboot:   unix.LINUX_REBOOT_CMD_RESTART,
		Halt:     unix.LINUX_REBOOT_CMD_HALT,
	}
	command, ok := commands[a]
	if !ok {
		return nil
	}
	if err := unix.Reboot(command); err != nil {
		return fmt.Errorf("%s: %w", a, err)
	}
	return nil
}

// runPrograms runs a directory. When the time is over the rest is left out; the
// one that runs is ended with all other processes.
func runPrograms(r *reap.Reaper, dir string, timeout time.Duration) {
	var over <-chan time.Time
	if timeout > 0 {
		over = time.After(timeout)
	}
	programs, _ := setup.Programs(dir)
	for _, p := range programs {
		log.Printf("running %s", p)
		_, done, err := r.Spawn(p, []string{p})
		if err != nil {
			log.Print(err)
			continue
		}
		select {
		case <-done:
		case <-over:
			log.Printf("%s has not ended within %s; going on without it", p, timeout)
			return
		}
	}
}

// within tells whether f has returned in time.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

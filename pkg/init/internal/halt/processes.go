package halt

import (
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// endProcesses ends all but this process and PID 1: kindly, then by force.
func endProcesses() {
	_ = unix.Kill(-1, unix.SIGTERM)
	_ = unix.Kill(-1, unix.SIGCONT) // a stopped process cannot heed the other
	if waitGone(termTimeout) {
		return
	}
	log.Printf("killing what is left after %s", termTimeout)
	_ = unix.Kill(-1, unix.SIGKILL)
	waitGone(killTimeout)
}

// waitGone waits until no process is left and tells whether that came to be.
func waitGone(limit time.Duration) bool {
	end := time.Now().Add(limit)
	pause := 5 * time.Millisecond
	for othersLeft("/proc", os.Getpid()) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
		pause = min(2*pause, 200*time.Millisecond)
	}
	return true
}

// othersLeft tells whether there are processes besides PID 1 and self, not
// counting threads of the kernel and those that have ended.
func othersLeft(proc string, self int) bool {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return true
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == self {
			continue
		}
		if stat, err := os.ReadFile(proc + "/" + e.Name() + "/stat"); err == nil && alive(string(stat)) {
			return true
		}
	}
	return false
}

// kernelThread is the flag PF_KTHREAD of a process.
const kernelThread = 0x00200000

// alive reads the line of /proc/PID/stat: number, name in parentheses, state,
// and the flags as the sixth word after that.
func alive(stat string) bool {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(f) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(f[6], 10, 64)
	return err == nil && f[0] != "Z" && f[0] != "X" && flags&kernelThread == 0
}

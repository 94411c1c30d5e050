package setup

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Clock sets the time of the system from the clock of the machine, which is
// taken to run in UTC. A machine without one is fine, and so is a kernel that
// did it itself.
func Clock() error {
	if did, err := os.ReadFile("/sys/class/rtc/rtc0/hctosys"); err == nil && strings.TrimSpace(string(did)) == "1" {
		return nil
	}
	fd, err := unix.Open("/dev/rtc0", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the clock: %w", err)
	}
	defer unix.Close(fd)
	rtc, err := unix.IoctlGetRTCTime(fd)
	if err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	tv := unix.NsecToTimeval(instant(rtc).UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set the time: %w", err)
	}
	return nil
}

// instant reads a broken-down time: months from 0, years from 1900.
func instant(t *unix.RTCTime) time.Time {
	return time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
}

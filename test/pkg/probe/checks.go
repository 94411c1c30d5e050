package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var checks = map[string]check{
	"say":       {1, "TEXT", func([]string) error { return nil }},
	"exit":      {1, "STATUS", exit},
	"sleep":     {1, "SECONDS", sleep},
	"exists":    {1, "PATH", func(a []string) error { _, err := os.Lstat(a[0]); return err }},
	"absent":    {1, "PATH", absent},
	"read":      {2, "PATH TEXT", read},
	"contains":  {2, "PATH TEXT", contains},
	"write":     {2, "PATH TEXT", func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) }},
	"mkdir":     {1, "PATH", func(a []string) error { return os.MkdirAll(a[0], 0o755) }},
	"denied":    {1, "PATH", denied},
	"mode":      {2, "PATH OCTAL", mode},
	"mount":     {3, "PATH TYPE OPTION,...", mounted},
	"link":      {1, "INTERFACE", func(a []string) error { _, err := net.InterfaceByName(a[0]); return err }},
	"nolink":    {1, "INTERFACE", nolink},
	"nofile":    {1, "LIMIT", nofile},
	"hostname":  {1, "PREFIX", hostname},
	"module":    {1, "NAME", func(a []string) error { _, err := os.Stat("/sys/module/" + a[0]); return err }},
	"wait":      {1, "PATH", wait},
	"signal":    {2, "PID SIGNAL", signal},
	"sticky":    {1, "PATH", sticky},
	"http":      {2, "URL TEXT", fetch},
	"console":   {1, "TEXT", console},
	"processes": {1, "NAME", processes},
	"count":     {1, "EVENT", count},
}

func exit(a []string) error {
	status, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	fmt.Printf("ok: exit %d\n", status)
	os.Exit(status)
	return nil
}

func sleep(a []string) error {
	n, err := strconv.Atoi(a[0])
	time.Sleep(time.Duration(n) * time.Second)
	return err
}

func absent(a []string) error {
	if _, err := os.Lstat(a[0]); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("is there (%v)", err)
	}
	return nil
}

func read(a []string) error {
	got, err := os.ReadFile(a[0])
	if err == nil && strings.TrimSpace(string(got)) != a[1] {
		err = fmt.Errorf("content is %q", got)
	}
	return err
}

func contains(a []string) error {
	got, err := os.ReadFile(a[0])
	if err == nil && !strings.Contains(string(got), a[1]) {
		err = fmt.Errorf("content is %q", got)
	}
	return err
}

// denied expects that nothing can be written.
func denied(a []string) error {
	err := os.WriteFile(a[0], []byte("x"), 0o644)
	if !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("writing gives %v, not %v", err, syscall.EROFS)
	}
	return nil
}

func mode(a []string) error {
	var s unix.Stat_t
	if err := unix.Stat(a[0], &s); err != nil {
		return err
	}
	if got := strconv.FormatUint(uint64(s.Mode&0o7777), 8); got != a[1] {
		return fmt.Errorf("mode is %s", got)
	}
	return nil
}

// mounted expects a mount of that type, or of any type if it is "*", with all
// those options. The environment variable MOUNTS names another table of mounts
// than that of the process itself.
func mounted(a []string) error {
	name := os.Getenv("MOUNTS")
	if name == "" {
		name = "/proc/self/mountinfo"
	}
	table, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	last := ""
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == a[0] {
			last = line
		}
	}
	before, after, found := strings.Cut(last, " - ")
	if !found {
		return errors.New("not a mount point")
	}
	kind := strings.Fields(after)
	if a[1] != "*" && kind[0] != a[1] {
		return fmt.Errorf("type is %s", kind[0])
	}
	has := strings.Split(strings.Fields(before)[5]+","+kind[len(kind)-1], ",")
	for want := range strings.SplitSeq(a[2], ",") {
		if want != "" && !slices.Contains(has, want) {
			return fmt.Errorf("option %s is not among %v", want, has)
		}
	}
	return nil
}

func nolink(a []string) error {
	if _, err := net.InterfaceByName(a[0]); err == nil {
		return errors.New("is there")
	}
	return nil
}

func nofile(a []string) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if got := strconv.FormatUint(limit.Cur, 10); got != a[0] {
		return fmt.Errorf("limit is %s", got)
	}
	return nil
}

func hostname(a []string) error {
	name, err := os.Hostname()
	if err == nil && !strings.HasPrefix(name, a[0]) {
		err = fmt.Errorf("name is %q", name)
	}
	return err
}

func wait(a []string) error {
	for range 600 {
		if _, err := os.Stat(a[0]); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("did not appear within a minute")
}

func signal(a []string) error {
	pid, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	s := unix.SignalNum(a[1])
	if s == 0 {
		return fmt.Errorf("unknown signal %s", a[1])
	}
	return unix.Kill(pid, s)
}

func sticky(a []string) error {
	info, err := os.Stat(a[0])
	if err == nil && info.Mode()&fs.ModeSticky == 0 {
		err = fmt.Errorf("mode is %v", info.Mode())
	}
	return err
}

func fetch(a []string) error {
	var last error
	for range 120 {
		if last = get(a[0], a[1]); last == nil {
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return last
}

func get(url, want string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := make([]byte, 64<<10)
	n, _ := resp.Body.Read(body)
	if !strings.Contains(string(body[:n]), want) {
		return fmt.Errorf("%s without %q", resp.Status, want)
	}
	return nil
}

func console(a []string) error {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, a[0])
	return err
}

// processes expects a process of that name; it needs the host's pid namespace.
func processes(a []string) error {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(comm)) == a[0] {
			return nil
		}
	}
	return errors.New("no such process")
}

// count prints how many instructions the processor has executed since it was
// switched on, which an emulator that ties its clock to them knows.
func count(a []string) error {
	n, err := instructions()
	if err != nil {
		return err
	}
	return console([]string{fmt.Sprintf("instructions %s %d", a[0], n)})
}

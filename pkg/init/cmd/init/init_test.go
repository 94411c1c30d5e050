package main

import (
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/halt"
)

func TestModprobeArgs(t *testing.T) {
	for _, c := range []struct {
		args  []string
		names []string
		flags string
		fails bool
	}{
		{[]string{"-abq", "pci:x"}, []string{"pci:x"}, "abq", false},
		{[]string{"-q", "--", "net-pf-10"}, []string{"net-pf-10"}, "q", false},
		{[]string{"loop", "max_loop=8"}, []string{"loop", "max_loop=8"}, "", false},
		{[]string{"--all", "--quiet", "a", "b"}, []string{"a", "b"}, "aq", false},
		{[]string{"-r", "loop"}, nil, "", true},
		{[]string{"-q"}, nil, "q", true},
		{[]string{"-q", "--"}, nil, "q", true},
		{nil, nil, "", true},
	} {
		names, flags, err := modprobeArgs(c.args)
		if !reflect.DeepEqual(names, c.names) || flags != c.flags || (err != nil) != c.fails {
			t.Errorf("modprobeArgs(%q) = %q, %q, %v", c.args, names, flags, err)
		}
	}
}

func TestSignals(t *testing.T) {
	for signal, want := range map[unix.Signal]halt.Action{
		unix.SIGUSR1: halt.Halt, unix.SIGUSR2: halt.Poweroff, unix.SIGTERM: halt.Reboot,
		unix.SIGINT: halt.Reboot, unix.SIGQUIT: "", unix.SIGHUP: "", unix.SIGPIPE: "",
	} {
		if got := actionOf(signal); got != want {
			t.Errorf("%s means %q, want %q", signal, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
	}{
		{nil, 2},
		{[]string{"/bin/sh", "-c", "true"}, 2},
		{[]string{"/sbin/usermode-helper"}, 2},
		{[]string{"/sbin/init"}, 1}, // not PID 1 here
		{[]string{"poweroff", "-x"}, 1},
		{[]string{"modprobe"}, 1},
	} {
		if got := run(c.args); got != c.status {
			t.Errorf("%q: status %d, want %d", c.args, got, c.status)
		}
	}
}

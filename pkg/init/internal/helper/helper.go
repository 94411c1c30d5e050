// Package helper decides what the kernel may start by itself.
//
// Kernels can be built to send every program they want to start through one
// fixed path, with the name of the program as the first argument.
package helper

import (
	"bytes"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// Path is where such kernels look for the program that decides.
const Path = "/sbin/usermode-helper"

var allowed = map[string]bool{
	"/sbin/mdev":     true,
	"/sbin/modprobe": true,
	"/sbin/poweroff": true,
	"/sbin/reboot":   true,
}

// Allowed tells whether the kernel may start a program. Handlers of core dumps,
// agents and the like are not among them.
func Allowed(program string) bool { return allowed[program] }

// Invoked returns the path by which this process was started, whatever its
// first argument says; "" when that cannot be found out, as before /proc is
// there.
func Invoked() string {
	auxv, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return ""
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return ""
	}
	defer mem.Close()
	var name [256]byte
	n, _ := mem.ReadAt(name[:], int64(auxValue(auxv, atExecfn)))
	path, _, ok := bytes.Cut(name[:n], []byte{0})
	if !ok {
		return ""
	}
	return string(path)
}

// atExecfn is the key of the address of the path given to execve(2), AT_EXECFN.
const atExecfn = 31

// auxValue finds a value in pairs of 64-bit keys and values; 0 when not there.
func auxValue(auxv []byte, key uint64) uint64 {
	for len(auxv) >= 16 {
		if binary.NativeEndian.Uint64(auxv) == key {
			return binary.NativeEndian.Uint64(auxv[8:])
		}
		auxv = auxv[16:]
	}
	return 0
}

// Exec replaces this process by an allowed program.
func Exec(argv []string) error {
	return &os.PathError{Op: "execute", Path: argv[0], Err: unix.Exec(argv[0], argv, os.Environ())}
}

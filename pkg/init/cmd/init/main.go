// Command init is the first program of the guest, and a few small others that
// belong to it. Its name, that is the last part of its first argument, says
// which it is.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/linuxkit/linuxkit/pkg/init/internal/helper"
)

func main() {
	log.SetFlags(0)
	os.Exit(run(os.Args))
}

// programs are what this file can be; each returns its exit status.
var programs map[string]func(args []string) int

func init() {
	programs = map[string]func(args []string) int{
		"init":        firstProgram,
		"rc.init":     bootProgram,
		"rc.shutdown": shutdownProgram,
		"poweroff":    haltProgram,
		"reboot":      haltProgram,
		"halt":        haltProgram,
		"modprobe":    modprobeProgram,
		"000-issue":   issueProgram,
	}
}

func run(args []string) int {
	if len(args) == 0 {
		return 2
	}
	if os.Getpid() != 1 && helper.Invoked() == helper.Path {
		return helperProgram(args)
	}
	if program, ok := programs[filepath.Base(args[0])]; ok {
		return program(args)
	}
	// Before /proc is there the kernel's helper shows only by names it must
	// not start.
	return helperProgram(args)
}

// helperProgram starts what the kernel may start. Most of that is this file.
func helperProgram(args []string) int {
	log.Printf("usermode-helper: %q", args)
	if !helper.Allowed(args[0]) {
		return 2
	}
	if isSelf(args[0]) {
		return programs[filepath.Base(args[0])](args)
	}
	log.Print(helper.Exec(args))
	return 1
}

// isSelf tells whether a path leads to one of the programs of this very file.
func isSelf(path string) bool {
	self := "/proc/self/exe"
	if _, err := os.Stat(self); err != nil {
		self = os.Args[0]
	}
	return sameFile(self, path) && programs[filepath.Base(path)] != nil
}

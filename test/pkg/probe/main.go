// Command probe looks at the system from inside a container. It runs the
// checks of its command line, which are separated by "--", and prints a line
// for each: "ok: ..." or "FAILED: ...".
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// check looks at one thing; it returns an error if that is not as it should.
type check struct {
	args  int
	usage string
	run   func(args []string) error
}

func main() {
	failed := false
	for _, args := range split(os.Args[1:], "--") {
		if err := run(args); err != nil {
			fmt.Printf("FAILED: %s: %v\n", strings.Join(args, " "), err)
			failed = true
			continue
		}
		fmt.Printf("ok: %s\n", strings.Join(args, " "))
	}
	if failed {
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no check given")
	}
	c, ok := checks[args[0]]
	if !ok {
		return fmt.Errorf("unknown check")
	}
	if len(args)-1 != c.args {
		return fmt.Errorf("usage: %s %s", args[0], c.usage)
	}
	return c.run(args[1:])
}

// split cuts args at each separator.
func split(args []string, separator string) [][]string {
	var parts [][]string
	for {
		i := slices.Index(args, separator)
		if i < 0 {
			return append(parts, args)
		}
		parts = append(parts, args[:i])
		args = args[i+1:]
	}
}

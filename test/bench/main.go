// Command bench measures the image cache and the default system: how a pull
// compares with that of others, what a build takes, in every format, how many
// instructions the guest executes until its first containers, and with how
// little memory it serves. Arguments choose among "cache", "build", "packages",
// "formats", "boot" and "memory".
//
// Guest instructions are counted by QEMU, which ties the clock of the machine
// to them; they do not depend on what else the host does. Idle waiting counts
// as well.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
)

const (
	tool   = "bin/linuxkit"
	system = "linuxkit.yml"
	dir    = "build/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is one thing that is measured.
type section struct {
	name string
	run  func(context.Context, *tabwriter.Writer) error
}

var sections = []section{
	{"cache", benchPull}, {"cache", benchList}, {"build", benchBuild}, {"packages", benchPackages},
	{"formats", benchFormats}, {"formats", benchLarge}, {"formats", benchMkosi}, {"boot", benchBoot}, {"memory", benchMemory},
}

func bench(ctx context.Context, wanted []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fmt.Printf("%s, %d processors\n\n", runtime.GOARCH, runtime.NumCPU())
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range sections {
		if len(wanted) > 0 && !slices.Contains(wanted, s.name) {
			continue
		}
		if err := s.run(ctx, table); err != nil {
			return err
		}
	}
	return table.Flush()
}

// row prints a figure beside the bar it has to clear.
func row(w *tabwriter.Writer, what, figure, bar string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t\n", what, figure, bar)
	w.Flush()
}

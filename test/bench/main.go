// Command bench measures the default system: what a build of it takes, how
// many instructions the guest executes until its first containers, and with
// how little memory it serves; and what many packages cost.
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
	if err := bench(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fmt.Printf("default system for %s, %d processors\n\n", runtime.GOARCH, runtime.NumCPU())
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if err := benchBuild(ctx, table); err != nil {
		return err
	}
	if err := benchPackages(ctx, table); err != nil {
		return err
	}
	if runtime.GOARCH == "amd64" {
		if err := benchBoot(ctx, table); err != nil {
			return err
		}
	}
	if err := benchMemory(ctx, table); err != nil {
		return err
	}
	return table.Flush()
}

// row prints a figure beside the bar it has to clear.
func row(w *tabwriter.Writer, what, figure, bar string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t\n", what, figure, bar)
	w.Flush()
}

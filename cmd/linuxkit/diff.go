package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/inspect"
)

// Exit statuses of diff, those of diff(1).
const (
	exitDifferent = 1
	exitTrouble   = 2
)

func newDiffCmd(a *app) *cobra.Command {
	var arch string
	var asJSON bool
	var opts inspect.DiffOptions
	cmd := &cobra.Command{
		Use:   "diff [flags] <output> <output>",
		Short: "Compare the files in two outputs",
		Long: `Diff compares two outputs of builds, which may be of different formats, file by
file: what was added, removed and changed, and in what: type, mode, owner, size,
content, target of a link. It reads what linuxkit inspect reads, yaml files too.

The exit status is 0 if there is no difference, 1 if there is one, and 2 if an
output cannot be read.`,
		Example: `  linuxkit diff old/linuxkit linuxkit
  linuxkit diff linuxkit.tar linuxkit.yml
  linuxkit diff --json a.tar b.tar | jq '.differences[].name'`,
		Args: func(cmd *cobra.Command, args []string) error { return trouble(cobra.ExactArgs(2)(cmd, args)) },
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.compare(cmd.Context(), arch, args[0], args[1], opts)
			if err != nil {
				return trouble(err)
			}
			if asJSON {
				err = writeJSON(a.stdout, c)
			} else {
				err = writeComparison(a.stdout, c)
			}
			if err != nil {
				return trouble(err)
			}
			if !c.Equal() {
				return exitError{exitDifferent, nil}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&arch, "arch", runtime.GOARCH, "architecture that yaml files are for")
	flags.BoolVar(&asJSON, "json", false, "write the differences as JSON to standard output")
	flags.BoolVar(&opts.Times, "times", false, "compare times of modification, too")
	return cmd
}

// trouble makes an error end the command with the status that diff(1) has.
func trouble(err error) error {
	if err == nil {
		return nil
	}
	return exitError{exitTrouble, err}
}

// exitError ends the command with a status of its own; without err nothing is
// said.
type exitError struct {
	status int
	err    error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

func (a *app) compare(ctx context.Context, arch, first, second string, opts inspect.DiffOptions) (*inspect.Comparison, error) {
	x, err := a.openTree(ctx, arch, []string{first})
	if err != nil {
		return nil, err
	}
	y, err := a.openTree(ctx, arch, []string{second})
	if err != nil {
		return nil, err
	}
	return inspect.Diff(x, y, opts), nil
}

func writeComparison(w io.Writer, c *inspect.Comparison) error {
	if c.Equal() {
		return nil
	}
	var b strings.Builder
	for _, d := range c.Differences {
		fmt.Fprintf(&b, "%s\n", describeDifference(d))
	}
	fmt.Fprintf(&b, "%d added, %d removed, %d changed; %s before, %s after\n", c.Added, c.Removed, c.Changed, byteSize(c.Before), byteSize(c.After))
	_, err := io.WriteString(w, b.String())
	return err
}

// describeDifference tells a difference in one line.
func describeDifference(d inspect.Difference) string {
	var changes []string
	for _, c := range d.Changes {
		if c.What == "content" {
			changes = append(changes, c.What)
			continue
		}
		changes = append(changes, fmt.Sprintf("%s %s -> %s", c.What, c.Before, c.After))
	}
	switch d.Kind {
	case "added":
		return fmt.Sprintf("+ %s (%s)", d.Name, byteSize(d.After))
	case "removed":
		return fmt.Sprintf("- %s (%s)", d.Name, byteSize(d.Before))
	default:
		return fmt.Sprintf("~ %s: %s", d.Name, strings.Join(changes, ", "))
	}
}

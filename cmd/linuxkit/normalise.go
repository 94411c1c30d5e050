package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// normalise rewrites -name to --name for the long flags of the command that
// args name. Scripts of earlier days spell long flags with one dash. Words
// that are no such flag, values, and what follows "--" stay as they are.
func normalise(cmd *cobra.Command, args []string) []string {
	out := append([]string{}, args...)
	for i := 0; i < len(out); i++ {
		arg := out[i]
		if arg == "--" {
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			cmd = descend(cmd, arg)
			continue
		}
		flag, hasValue := lookup(cmd, arg)
		if flag != nil && !strings.HasPrefix(arg, "--") && len(arg) > 2 {
			out[i] = "-" + arg
		}
		if flag != nil && !hasValue && flag.NoOptDefVal == "" {
			i++
		}
	}
	return out
}

// descend follows a word to the command it names, if it does.
func descend(cmd *cobra.Command, word string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return c
		}
	}
	return cmd
}

// lookup finds the flag that arg sets, whichever way it is written, and tells
// whether its value is in arg as well.
func lookup(cmd *cobra.Command, arg string) (*pflag.Flag, bool) {
	name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if len(name) == 1 && !strings.HasPrefix(arg, "--") {
		return findFlag(cmd, func(s *pflag.FlagSet) *pflag.Flag { return s.ShorthandLookup(name) }), hasValue
	}
	return findFlag(cmd, func(s *pflag.FlagSet) *pflag.Flag { return s.Lookup(name) }), hasValue
}

// findFlag asks the flags of cmd, then those it inherits.
func findFlag(cmd *cobra.Command, ask func(*pflag.FlagSet) *pflag.Flag) *pflag.Flag {
	if f := ask(cmd.Flags()); f != nil {
		return f
	}
	for ; cmd != nil; cmd = cmd.Parent() {
		if f := ask(cmd.PersistentFlags()); f != nil {
			return f
		}
	}
	return nil
}

package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// TestCommandReference keeps docs/reference/cli.md what the commands say of
// themselves.
func TestCommandReference(t *testing.T) {
	var buf bytes.Buffer
	buf.WriteString("# Commands\n\nMade from the commands' own help; `linuxkit help <command>` prints the same.\n")
	writeCommand(&buf, newRootCmd(&app{}))
	checkGolden(t, "../../docs/reference/cli.md", buf.Bytes())
}

// TestHelp finds commands and flags that do not explain themselves.
func TestHelp(t *testing.T) {
	eachCommand(newRootCmd(&app{}), func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
		if c.Runnable() && c.Long == "" {
			t.Errorf("%s has no long help", c.CommandPath())
		}
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: flag --%s has no help", c.CommandPath(), f.Name)
			}
		})
	})
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks finds links between documents that lead nowhere.
func TestLinks(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), l[1])); err != nil {
				t.Errorf("%s: broken link: %v", page, err)
			}
		}
	}
}

func eachCommand(c *cobra.Command, fn func(*cobra.Command)) {
	fn(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			eachCommand(sub, fn)
		}
	}
}

func writeCommand(buf *bytes.Buffer, root *cobra.Command) {
	eachCommand(root, func(c *cobra.Command) {
		fmt.Fprintf(buf, "\n## %s\n\n", c.CommandPath())
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(buf, "%s\n", text)
		if c.Runnable() {
			fmt.Fprintf(buf, "\n```\n%s\n```\n", c.UseLine())
		}
		if c.Example != "" {
			fmt.Fprintf(buf, "\n```sh\n%s\n```\n", unindent(c.Example))
		}
		writeFlags(buf, c.LocalFlags())
	})
}

func writeFlags(buf *bytes.Buffer, flags *pflag.FlagSet) {
	head := "\n| flag | default | meaning |\n|---|---|---|\n"
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		buf.WriteString(head)
		head = ""
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		fmt.Fprintf(buf, "| %s %s | %s | %s |\n", name, f.Value.Type(), defaultOf(f), strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
}

func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "[]", "false":
		return ""
	}
	if f.Name == "arch" {
		return "the host's"
	}
	return "`" + f.DefValue + "`"
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

func checkGolden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; go test ./cmd/linuxkit -run Reference -update writes it anew", name)
	}
}

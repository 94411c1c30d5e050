package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/atomicfile"
	"github.com/linuxkit/linuxkit/internal/inspect"
)

// inspectOptions are the flags of inspect.
type inspectOptions struct {
	arch  string
	json  bool
	html  string
	count int
}

func newInspectCmd(a *app) *cobra.Command {
	o := inspectOptions{}
	cmd := &cobra.Command{
		Use:   "inspect [flags] <output> | <config>...",
		Short: "Tell what an output consists of and how large it is",
		Long: `Inspect reads an output of a build: a tar, docker or tar-kernel-initrd file, an
initrd, or the files with the given prefix that kernel+initrd makes. Of yaml files
it tells what building them would give; images are fetched, nothing is written.

It tells the size of each part, the largest files, files with the same content,
the kernel and its modules. Sizes are those of the files themselves; what the
output takes is named besides. --json tells that of every file, and --html
writes a page with a map that opens in any browser.`,
		Example: `  linuxkit inspect linuxkit
  linuxkit inspect --html sizes.html linuxkit.yml
  linuxkit inspect --json linuxkit.tar | jq '.duplicates[0]'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 && !allConfigs(args) {
				return fmt.Errorf("%d outputs given, want one; linuxkit diff compares two", len(args))
			}
			return a.inspect(cmd.Context(), args, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.arch, "arch", runtime.GOARCH, "architecture that yaml files are for")
	flags.BoolVar(&o.json, "json", false, "write everything as JSON to standard output")
	flags.StringVar(&o.html, "html", "", "write a page with a map of the sizes to this file")
	flags.IntVar(&o.count, "largest", 20, "number of largest files, and of duplicates, to tell")
	return cmd
}

func (a *app) inspect(ctx context.Context, args []string, o inspectOptions) error {
	tree, err := a.openTree(ctx, o.arch, args)
	if err != nil {
		return err
	}
	r := tree.Report()
	if o.html != "" {
		if err := atomicfile.Write(ctx, o.html, 0o644, r.WriteHTML); err != nil {
			return err
		}
	}
	switch {
	case o.json:
		return writeJSON(a.stdout, r)
	case o.html != "":
		return nil
	}
	return writeReport(a.stdout, r, o.count)
}

// openTree reads an output, or plans what configurations describe.
func (a *app) openTree(ctx context.Context, arch string, args []string) (*inspect.Tree, error) {
	if !allConfigs(args) {
		return inspect.Open(ctx, args[0])
	}
	p, err := a.prepare(ctx, args, buildOptions{arch: architecture(arch), sbom: sbomOptions{name: sbomName}})
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.plan(ctx); err != nil {
		return nil, err
	}
	return inspect.Plan(ctx, strings.Join(args, " "), p.sys)
}

func writeReport(w io.Writer, r *inspect.Report, count int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %d files in %d directories, %s", r.Path, r.Format, r.Files, r.Directories, byteSize(r.Size))
	if r.Stored > 0 {
		fmt.Fprintf(&b, "; the output takes %s", byteSize(r.Stored))
	}
	b.WriteString("\n")
	if k := r.Kernel; k != nil {
		fmt.Fprintf(&b, "\nkernel %s  %s, %d modules of %s\n", strings.Join(k.Release, ", "), byteSize(k.Size), k.Modules, byteSize(k.ModulesSize))
		if k.UCode > 0 {
			fmt.Fprintf(&b, "microcode  %s\n", byteSize(k.UCode))
		}
		if k.Cmdline != "" {
			fmt.Fprintf(&b, "command line  %s\n", k.Cmdline)
		}
	}
	fmt.Fprintf(&b, "\n%10s %10s %7s  part\n", "size", "in output", "files")
	for _, s := range r.Segments {
		stored := ""
		if s.Stored > 0 {
			stored = byteSize(s.Stored)
		}
		fmt.Fprintf(&b, "%10s %10s %7d  %s %s\n", byteSize(s.Size), stored, s.Files, s.Location, s.Source)
	}
	fmt.Fprintf(&b, "\nlargest files\n")
	for _, e := range r.Largest(count) {
		fmt.Fprintf(&b, "%10s  %s\n", byteSize(e.Size), e.Name)
	}
	writeDuplicates(&b, r, count)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeDuplicates(b *strings.Builder, r *inspect.Report, count int) {
	if len(r.Duplicates) == 0 {
		return
	}
	fmt.Fprintf(b, "\nfiles with the same content, %s more than once\n", byteSize(r.Wasted))
	for _, d := range r.Duplicates[:min(count, len(r.Duplicates))] {
		fmt.Fprintf(b, "%10s  %s\n", byteSize(d.Wasted), strings.Join(d.Names, "  "))
	}
}

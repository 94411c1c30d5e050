package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// buildFunc builds configuration files for an architecture and returns the
// prefix of the result.
type buildFunc func(ctx context.Context, arch string, files []string) (prefix string, err error)

// foreignBackends are those of other platforms and of other versions of
// LinuxKit. People who ask for one should learn what there is instead.
var foreignBackends = []string{"hyperkit", "hyperv", "vbox", "vcenter", "virtualization", "vmware"}

// newRunCmd is "linuxkit run". Without a backend's name it is the backend of
// this platform and takes its flags.
func newRunCmd(a *app, build buildFunc) *cobra.Command {
	o := &qemuFlags{}
	cmd := &cobra.Command{
		Use:   "run [flags] <image>",
		Short: "Run an image on this machine",
		Long: `Run an image on this machine, by default with QEMU.

The image is the prefix of the files that "linuxkit build" made, a disk image, an
ISO image, or a configuration file, which is built first. The console is on the
standard streams: Ctrl-A X ends QEMU, Ctrl-A H shows what else there is.`,
		Example: `  linuxkit run linuxkit
  linuxkit run linuxkit.yml
  linuxkit run --mem 2048 --disk size=4G --publish 8080:80 linuxkit
  linuxkit run qemu --arch aarch64 linuxkit`,
		Args: runArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkDefaultBackend(runtime.GOOS); err != nil {
				return err
			}
			return o.run(cmd, a, build, args)
		},
	}
	flags := cmd.PersistentFlags()
	flags.IntVar(&o.cpus, "cpus", 1, "number of virtual CPUs")
	flags.IntVar(&o.mem, "mem", 1024, "memory in MB")
	flags.StringArrayVar(&o.disks, "disk", nil, "disk, [file=]path[,size=1G][,format=qcow2]; created if missing; may be repeated")
	o.register(cmd)
	cmd.AddCommand(newRunQemuCmd(a, o, build))
	return cmd
}

// runArgs wants one image or some configuration files.
func runArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("no image given; usage: %s", cmd.UseLine())
	case slices.Contains(foreignBackends, args[0]):
		return fmt.Errorf("backend %q is not part of this linuxkit; known: %s", args[0], backends(cmd))
	case len(args) > 1 && !allConfigs(args) && cmd.HasSubCommands():
		return fmt.Errorf("unknown backend %q (known: %s), or more than one image given", args[0], backends(cmd))
	case len(args) > 1 && !allConfigs(args):
		return fmt.Errorf("%d images given, want one; usage: %s", len(args), cmd.UseLine())
	}
	return nil
}

func backends(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			names = append(names, c.Name())
		}
	}
	if len(names) == 0 {
		return cmd.Name()
	}
	return strings.Join(names, ", ")
}

// checkDefaultBackend refuses platforms whose usual backend is not there.
func checkDefaultBackend(goos string) error {
	usual := map[string]string{"darwin": "virtualization", "windows": "hyperv"}[goos]
	if usual == "" {
		return nil
	}
	return fmt.Errorf("the usual backend on %s, %s, is not part of this linuxkit; use \"linuxkit run qemu\"", goos, usual)
}

func allConfigs(args []string) bool { return !slices.ContainsFunc(args, isNoConfig) }

func isNoConfig(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext != ".yml" && ext != ".yaml"
}

// imagePath is the image that args name, built if they are configurations.
func imagePath(ctx context.Context, build buildFunc, arch string, args []string) (string, error) {
	if !allConfigs(args) {
		return args[0], nil
	}
	for _, path := range args {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("configuration: %w", err)
		}
	}
	return build(ctx, arch, args)
}

// buildToRun builds what "linuxkit build" would by default.
func (a *app) buildToRun(ctx context.Context, arch string, files []string) (string, error) {
	o := buildOptions{arch: architecture(arch), name: baseName(files[len(files)-1]), sbom: sbomOptions{off: true}}
	if err := o.selectFormats(); err != nil {
		return "", err
	}
	return a.build(ctx, files, o)
}

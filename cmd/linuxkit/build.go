package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/vm"
)

// buildOptions are the flags of build.
type buildOptions struct {
	arch       string
	decompress bool
	docker     bool
	dir        string
	dryRun     bool
	formats    []string
	name       string
	out        string
	pull       bool
	sbom       sbomOptions
	lock       lockOptions
	twice      bool
	inputTar   string
	size       string
	loaders    string

	diskSize int64 // in bytes, what size says
}

func newBuildCmd(a *app) *cobra.Command {
	o := buildOptions{}
	cmd := &cobra.Command{
		Use:   "build [flags] <config> [<config>...]",
		Short: "Build a bootable image from yaml files",
		Long: `Build assembles the images that the yaml files name into one system and writes
it in one or more formats. Several files are merged in the order given. A file
may also be "-" for standard input, or a URL.

With --lock, images are those that the lock file names by digest, whatever their
names stand for by now; it is written if it does not exist. With --check,
everything is made a second time without what earlier builds left in the cache;
if anything differs, the build says what and fails.

Formats: ` + strings.Join(output.Names(), " ") + `.
The default is kernel+initrd, or tar if an output file is given.`,
		Example: `  linuxkit build linuxkit.yml
  linuxkit build --arch arm64 --dir out base.yml site.yml
  linuxkit build --format tar -o - linuxkit.yml | tar t
  linuxkit build --sbom-file linuxkit.spdx.json linuxkit.yml
  linuxkit build --lock linuxkit.lock --check linuxkit.yml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args); err != nil {
				return err
			}
			_, err := a.build(cmd.Context(), args, o)
			return err
		},
	}
	o.register(cmd)
	return cmd
}

func (o *buildOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.arch, "arch", runtime.GOARCH, "architecture to build for: amd64, arm64 or riscv64")
	flags.BoolVar(&o.decompress, "decompress-kernel", false, "store the kernel decompressed")
	flags.StringVar(&o.dir, "dir", "", "directory of the output files (default the current directory)")
	flags.BoolVar(&o.docker, "docker", false, "look for images in the Docker engine first")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the merged configuration and stop")
	flags.StringSliceVarP(&o.formats, "format", "f", nil, "output formats, separated by commas; may be repeated")
	flags.StringVar(&o.name, "name", "", "base name of the output files (default the last file's, without extension)")
	flags.StringVarP(&o.out, "output", "o", "", "write one format to this file, or to standard output if it is -")
	flags.StringVar(&o.out, "o", "", "same as --output")
	flags.BoolVar(&o.pull, "pull", false, "ask the registry for every image even if it is in the cache")
	o.sbom.register(cmd)
	o.lock.register(cmd)
	flags.StringVar(&o.inputTar, "input-tar", "", "take from this earlier tar what would have to be pulled otherwise")
	flags.BoolVar(&o.twice, "check", false, "build twice and fail if the results differ")
	flags.StringVar(&o.size, "size", "", "size of disks, in MiB with M, in GiB with G or nothing behind the number (default that of the format, 1024M for most, or what the system needs)")
	flags.StringVar(&o.loaders, "boot-loaders", "", "image of the boot loaders for formats that have some, or @pkg:<directory> (default that of "+
		string(bootloader.Firmware)+", for rpi3 of "+string(bootloader.RaspberryPi)+", in the repository of the configuration, else "+
		bootLoaders[bootloader.Firmware]+" and "+bootLoaders[bootloader.RaspberryPi]+")")
	_ = flags.MarkHidden("o")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(output.Names(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions(architectures, cobra.ShellCompDirectiveNoFileComp))
}

var architectures = []string{"amd64", "arm64", "riscv64"}

// architecture returns the name that Go and OCI use for an architecture.
func architecture(name string) string {
	switch name {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return name
}

// check completes the options and finds those that contradict each other.
func (o *buildOptions) check(cmd *cobra.Command, args []string) error {
	o.arch = architecture(o.arch)
	if err := errors.Join(o.sbom.check(), o.lock.check()); err != nil {
		return err
	}
	if len(o.formats) == 0 {
		o.formats = []string{"kernel+initrd"}
		if o.out != "" {
			o.formats = []string{"tar"}
		}
	}
	formats, err := output.Select(o.formats, o.arch)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("size") {
		if o.diskSize, err = diskSize(o.size); err != nil {
			return err
		}
	}
	if o.out == "-" && o.twice {
		return errors.New("--check compares files; it cannot be combined with --output -")
	}
	if o.out == "" && o.name == "" {
		o.name = baseName(args[len(args)-1])
	}
	if o.out != "" {
		if err := checkOut(cmd, formats); err != nil {
			return err
		}
	}
	return o.checkInputTar()
}

// diskSize reads the size of a disk, which it returns in bytes.
func diskSize(text string) (int64, error) {
	mb, err := vm.ParseSizeMB(text)
	if err == nil && mb == 0 {
		err = fmt.Errorf("invalid size %q: a disk has at least a megabyte (\"1M\")", text)
	}
	return int64(mb) << 20, err
}

func checkOut(cmd *cobra.Command, formats []output.Format) error {
	switch f := formats[0]; {
	case len(formats) > 1:
		return errors.New("--output takes one format; give --dir and --name for several")
	case cmd.Flags().Changed("name"), cmd.Flags().Changed("dir"):
		return errors.New("--output names the file; it cannot be combined with --name or --dir")
	case !f.Streamable:
		return fmt.Errorf("format %s cannot be written to --output, only a tar can; give --dir and --name", f.Name)
	}
	return nil
}

// baseName derives the name of outputs from that of a configuration.
func baseName(arg string) string {
	if arg == "-" {
		return "moby"
	}
	base := filepath.Base(arg)
	if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		arg, _, _ = strings.Cut(arg, "?")
		base = path.Base(arg)
	}
	return strings.TrimSuffix(base, filepath.Ext(base))
}

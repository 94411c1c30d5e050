// Package output holds the table of output formats. Each turns a planned
// system into files, or into one stream; encoders come from internal/format.
//
// A file appears under its final name only when it is whole: everything is
// written beside it first and renamed.
package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// ErrUnknownFormat means that there is no format of that name.
var ErrUnknownFormat = errors.New("unknown format type")

// ErrArchitecture means that a format does not exist for an architecture.
var ErrArchitecture = errors.New("format does not exist for this architecture")

// Options say how a system is written.
type Options struct {
	// Dir is the directory of the output files; Name their common prefix.
	Dir, Name string
	// Arch is the architecture of the system, as Go calls it.
	Arch string
	// Cache keeps encoded segments for later builds; nil keeps none.
	Cache *content.Derived
	// DecompressKernel stores the kernel's payload instead of its wrapper.
	DecompressKernel bool
	// DiskSize is the size in bytes of disks; 0 is the usual one of the format,
	// or more where the system needs it.
	DiskSize int64
	// Loaders are the boot loaders of the architecture. They must be set, with
	// those of all their packages, if one of the formats says that it needs some.
	Loaders *bootloader.Set
}

// Format is one output format.
type Format struct {
	Name string
	// Streamable formats can be written to a stream. They are built alone.
	Streamable bool
	// Loaders is the package with the boot loaders that the format contains;
	// "" is none.
	Loaders bootloader.Package
	// arches are those that the format exists for; nil is all.
	arches []string
	// needsKernel is set if there is no such output of a system without kernel.
	needsKernel bool
	// suffixes are appended to the name, one for each file.
	suffixes []string
	stream   func(ctx context.Context, b *build, w io.Writer) error
	files    func(ctx context.Context, b *build, out *fileSet) error
}

var (
	biosArches = []string{"amd64"}
	efiArches  = []string{"amd64", "arm64", "riscv64"}
)

// shared are the suffixes of files that are the same in all formats.
var shared = []string{"-kernel", "-cmdline"}

var formats = map[string]Format{}

func register(all ...Format) {
	for _, f := range all {
		formats[f.Name] = f
	}
}

func init() {
	register(
		Format{Name: "tar", Streamable: true, suffixes: []string{".tar"}, stream: writeTar},
		Format{Name: "docker", Streamable: true, suffixes: []string{".docker"}, stream: writeDocker},
		Format{Name: "kernel+initrd", suffixes: []string{"-kernel", "-initrd.img", "-cmdline"}, files: writeKernelInitrd},
		Format{Name: "tar-kernel-initrd", suffixes: []string{"-initrd.tar"}, files: writeTarKernelInitrd},
	)
}

// Names returns the names of all formats, sorted.
func Names() []string { return slices.Sorted(maps.Keys(formats)) }

// Lookup returns the format of that name, or an error wrapping
// [ErrUnknownFormat].
func Lookup(name string) (Format, error) {
	if f, ok := formats[name]; ok {
		return f, nil
	}
	return Format{}, fmt.Errorf("%w %q; known formats: %s", ErrUnknownFormat, name, strings.Join(Names(), " "))
}

// Select returns the formats of those names for an architecture, each once.
// The error wraps [ErrUnknownFormat] or [ErrArchitecture], or says which of
// them cannot be made together.
func Select(names []string, arch string) ([]Format, error) {
	var selected []Format
	makers := map[string]string{} // of files, by suffix
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		f, err := Lookup(name)
		if err != nil {
			return nil, err
		}
		if f.arches != nil && !slices.Contains(f.arches, arch) {
			return nil, fmt.Errorf("%w: %s for %s; it exists for %s", ErrArchitecture, name, arch, strings.Join(f.arches, ", "))
		}
		for _, suffix := range f.suffixes {
			if other := makers[suffix]; other != "" && !slices.Contains(shared, suffix) {
				return nil, fmt.Errorf("formats %s and %s both make the file NAME%s; build them one after the other with different --name", other, name, suffix)
			}
			makers[suffix] = name
		}
		selected = append(selected, f)
	}
	for _, f := range selected {
		if f.Streamable && len(selected) > 1 {
			return nil, fmt.Errorf("format %s must be the only format specified", f.Name)
		}
	}
	return selected, nil
}

// Files returns the names of the files that the format may make with a prefix.
func (f Format) Files(prefix string) []string {
	names := make([]string, len(f.suffixes))
	for i, suffix := range f.suffixes {
		names[i] = prefix + suffix
	}
	return names
}

// Stream writes sys to w in a streamable format.
func (f Format) Stream(ctx context.Context, sys *rootfs.System, opts Options, w io.Writer) error {
	b := newBuild(sys, opts)
	defer b.close()
	if err := f.stream(ctx, b, w); err != nil {
		return fmt.Errorf("write %s output: %w", f.Name, err)
	}
	return nil
}

// WriteFile writes sys to the file of that name in a streamable format.
func (f Format) WriteFile(ctx context.Context, sys *rootfs.System, opts Options, name string) error {
	out, err := createOutput(name)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := f.Stream(ctx, sys, opts, out.File); err != nil {
		return err
	}
	return out.Commit(ctx)
}

// Write makes the files of all formats and returns their names. After an
// error in making them there are none; if one cannot get its name, those named
// before it stay.
func Write(ctx context.Context, sys *rootfs.System, formats []Format, opts Options) ([]string, error) {
	b := newBuild(sys, opts)
	defer b.close()
	for _, f := range formats {
		if f.needsKernel && sys.Kernel == nil {
			return nil, fmt.Errorf("write %s output: %w", f.Name, errNoKernel)
		}
	}
	var sets []*fileSet
	defer func() {
		for _, s := range sets {
			s.discard()
		}
	}()
	for _, f := range formats {
		out := newFileSet(filepath.Join(opts.Dir, opts.Name), f.suffixes)
		sets = append(sets, out)
		if err := f.write(ctx, b, out); err != nil {
			return nil, fmt.Errorf("write %s output: %w", f.Name, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// From here on the work is not cancelled any more: all get their names.
	ctx = context.WithoutCancel(ctx)
	var names []string
	for _, s := range sets {
		made, err := s.commit(ctx)
		if err != nil {
			return nil, fmt.Errorf("write output: %w", err)
		}
		for _, name := range made {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		progress.Infof(ctx, "  %s", name)
	}
	return names, nil
}

func (f Format) write(ctx context.Context, b *build, out *fileSet) error {
	if f.files != nil {
		return f.files(ctx, b, out)
	}
	return out.write(f.suffixes[0], func(w *os.File) error { return f.stream(ctx, b, w) })
}

var errNoKernel = errors.New("the configuration has no kernel section with an image, and this format boots")

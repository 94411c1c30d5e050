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
	"path/filepath"
	"sort"
	"strings"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// ErrUnknownFormat means that there is no format of that name.
var ErrUnknownFormat = errors.New("unknown format type")

// Options say how a system is written.
type Options struct {
	// Dir is the directory of the output files; Name their common prefix.
	Dir, Name string
	// Cache keeps encoded segments for later builds; nil keeps none.
	Cache *content.Derived
	// DecompressKernel stores the kernel's payload instead of its wrapper.
	DecompressKernel bool
}

// Format is one output format.
type Format struct {
	Name string
	// Streamable formats can be written to a stream. They are built alone.
	Streamable bool
	// suffixes are appended to the name, one for each file.
	suffixes []string
	stream   func(ctx context.Context, b *build, w io.Writer) error
	files    func(ctx context.Context, b *build, out *fileSet) error
}

var formats = map[string]Format{}

func register(f Format) { formats[f.Name] = f }

func init() {
	register(Format{Name: "tar", Streamable: true, suffixes: []string{".tar"}, stream: writeTar})
	register(Format{Name: "docker", Streamable: true, suffixes: []string{".docker"}, stream: writeDocker})
	register(Format{
		Name:     "kernel+initrd",
		suffixes: []string{"-kernel", "-initrd.img", "-cmdline"},
		files:    writeKernelInitrd,
	})
	register(Format{Name: "tar-kernel-initrd", suffixes: []string{"-initrd.tar"}, files: writeTarKernelInitrd})
}

// Names returns the names of all formats, sorted.
func Names() []string {
	names := make([]string, 0, len(formats))
	for name := range formats {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Lookup returns the format of that name, or an error wrapping
// [ErrUnknownFormat].
func Lookup(name string) (Format, error) {
	f, ok := formats[name]
	if !ok {
		return f, fmt.Errorf("%w %q; known formats: %s", ErrUnknownFormat, name, strings.Join(Names(), " "))
	}
	return f, nil
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
	if err := f.stream(ctx, &build{System: sys, opts: opts}, w); err != nil {
		return fmt.Errorf("write %s output: %w", f.Name, err)
	}
	return nil
}

// Write makes the files of the format and returns their names.
func (f Format) Write(ctx context.Context, sys *rootfs.System, opts Options) ([]string, error) {
	out := newFileSet(filepath.Join(opts.Dir, opts.Name), f.suffixes)
	defer out.discard()
	b := &build{System: sys, opts: opts}
	write := f.files
	if f.Streamable {
		write = func(ctx context.Context, b *build, out *fileSet) error {
			return out.write(f.suffixes[0], func(w io.Writer) error { return f.stream(ctx, b, w) })
		}
	}
	if err := write(ctx, b, out); err != nil {
		return nil, fmt.Errorf("write %s output: %w", f.Name, err)
	}
	names, err := out.commit()
	if err != nil {
		return nil, fmt.Errorf("write %s output: %w", f.Name, err)
	}
	for _, name := range names {
		progress.Infof(ctx, "  %s", name)
	}
	return names, nil
}

// build is one system on its way into one format.
type build struct {
	*rootfs.System
	opts Options
}

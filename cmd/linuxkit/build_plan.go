package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/bootloader"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/output"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/rootfs"
	"github.com/linuxkit/linuxkit/internal/sbom"
)

// build assembles the system that files describe and returns the prefix of
// the files it wrote.
func (a *app) build(ctx context.Context, files []string, o buildOptions) (string, error) {
	p, err := a.prepare(ctx, files, o)
	if err != nil {
		return "", err
	}
	if o.dryRun {
		text, err := p.cfg.YAML(config.Wide)
		if err != nil {
			return "", err
		}
		_, err = fmt.Fprintf(a.stdout, "%s\n", text)
		return "", err
	}
	defer p.close()
	if err := p.plan(ctx); err != nil {
		return "", err
	}
	names, err := p.write(ctx, a.stdout)
	if err != nil {
		return "", err
	}
	if err := o.sbom.writeFile(ctx, p.bom); err != nil {
		return "", err
	}
	if o.twice {
		if err := p.again(ctx, names); err != nil {
			return "", err
		}
	}
	if o.out != "" {
		return o.out, p.saveLock(ctx)
	}
	return filepath.Join(o.dir, o.name), p.saveLock(ctx)
}

// project is a configuration on its way to outputs.
type project struct {
	options  buildOptions
	formats  []output.Format
	cfg      *config.Config
	images   *image.Resolver
	saveLock func(context.Context) error

	// reuse is nil if there is no input tar.
	reuse *reuse

	// loaders returns the boot loaders, nil if no format needs one.
	loaders func(context.Context) (*bootloader.Set, error)

	sys *rootfs.System
	// bom is nil if there is to be none.
	bom *sbom.Document
	// out says how outputs are written.
	out output.Options
}

// prepare reads the configuration; images are only looked for by plan.
func (a *app) prepare(ctx context.Context, files []string, o buildOptions) (*project, error) {
	formats, err := output.Select(o.formats, o.arch)
	if err != nil {
		return nil, err
	}
	local, err := a.localPackages()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(ctx, files, config.LoadOptions{Stdin: a.stdin, Package: local.Package})
	if err != nil {
		return nil, err
	}
	p := &project{options: o, formats: formats, cfg: cfg}
	if o.dryRun {
		return p, nil
	}
	if p.images, err = a.resolver(local, o); err != nil {
		return nil, err
	}
	if p.saveLock, err = o.lock.apply(p.images); err != nil {
		return nil, err
	}
	p.reuse, err = a.newReuse(ctx, o, p.images)
	p.out = output.Options{Dir: o.dir, Name: o.name, Arch: o.arch, Cache: p.images.Store.Derived(), DecompressKernel: o.decompress, DiskSize: o.diskSize}
	p.loaders = func(ctx context.Context) (*bootloader.Set, error) {
		return p.loadBootLoaders(ctx, local, files)
	}
	return p, err
}

// plan finds the images and says what the system consists of.
func (p *project) plan(ctx context.Context) (err error) {
	opts := rootfs.Options{
		Platform: ocispec.Platform{OS: "linux", Architecture: p.options.arch},
		Images:   p.images,
	}
	if p.reuse != nil {
		opts.Reuse = p.reuse.Reuse
	}
	p.sys, err = rootfs.Plan(ctx, p.cfg, opts)
	if err != nil {
		return err
	}
	if p.out.Loaders, err = p.loaders(ctx); err != nil {
		return err
	}
	p.bom, err = p.options.sbom.add(ctx, p.sys)
	return err
}

func (p *project) close() {
	if p.reuse != nil {
		p.reuse.close()
	}
	p.closeBOM()
}

func (p *project) closeBOM() {
	if p.bom != nil {
		p.bom.Close()
	}
}

// write makes all formats of the system and returns the names of the files.
func (p *project) write(ctx context.Context, stdout io.Writer) ([]string, error) {
	if p.options.out != "" {
		return p.writeOut(ctx, stdout)
	}
	progress.Infof(ctx, "Create outputs:")
	return output.Write(ctx, p.sys, p.formats, p.out)
}

// writeOut makes the one output of --output.
func (p *project) writeOut(ctx context.Context, stdout io.Writer) ([]string, error) {
	out := p.options.out
	if out == "-" {
		return nil, p.formats[0].Stream(ctx, p.sys, p.out, stdout)
	}
	return []string{out}, p.formats[0].WriteFile(ctx, p.sys, p.out, out)
}

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Options say for what and from where a system is planned.
type Options struct {
	// Platform is what images are made for; OS is "linux".
	Platform ocispec.Platform
	// Images finds images.
	Images *image.Resolver
	// Reuse takes what it can from an earlier output; it may be nil.
	Reuse *Reuse
}

// Plan resolves everything that cfg names and returns the system it describes.
// The configuration must have been validated.
func Plan(ctx context.Context, cfg *config.Config, opts Options) (*System, error) {
	p := &planner{cfg: cfg, opts: opts, found: opts.Images.Image}
	if opts.Reuse != nil {
		return p.reuse(ctx)
	}
	return p.plan(ctx)
}

func (p *planner) plan(ctx context.Context) (*System, error) {
	p.ids, p.lowers, p.sys = p.cfg.IDs(), map[string]string{}, System{}
	// 1. Find all images, several at a time.
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	// 2. Kernel and init images, which share the root.
	if err := p.planRoot(); err != nil {
		return nil, err
	}
	// 3. Volumes.
	for i, v := range p.cfg.Volumes {
		if err := p.add(p.volumeSegments(ctx, i, v)); err != nil {
			return nil, err
		}
	}
	// 4. Containers.
	for _, s := range sections(p.cfg) {
		for i := range s.containers {
			if err := p.add(p.bundleSegments(s, i)); err != nil {
				return nil, err
			}
		}
	}
	// 5. Files, which replace all else.
	for i, f := range p.cfg.Files {
		if err := p.addOne(p.fileSegment(i, f)); err != nil {
			return nil, err
		}
	}
	return &p.sys, nil
}

type planner struct {
	cfg  *config.Config
	opts Options
	// found finds an image by its full name.
	found  func(ctx context.Context, ref string, p ocispec.Platform) (*image.Image, error)
	ids    func(config.ID) (uint32, error)
	images map[string]*image.Image
	// lowers maps the reference of a container image to the directory that
	// holds its files: an image is laid down once.
	lowers map[string]string
	sys    System
}

// unpacked notes that the files of an image become part of the tree.
func (p *planner) unpacked(img *image.Image, location, prefix string) {
	p.sys.Unpacked = append(p.sys.Unpacked, Unpacked{img, location, prefix})
}

// add puts segments behind those that are there, unless making them failed.
func (p *planner) add(s []*Segment, err error) error {
	if err == nil {
		p.sys.Segments = append(p.sys.Segments, s...)
	}
	return err
}

func (p *planner) addOne(s *Segment, err error) error { return p.add([]*Segment{s}, err) }

func (p *planner) planRoot() error {
	if p.cfg.Kernel.Image != "" {
		img, err := p.image(p.cfg.Kernel.Image)
		if err != nil {
			return err
		}
		addKernel(&p.sys, p.cfg.Kernel, img)
		p.unpacked(img, kernelLocation, "")
	}
	var images []*image.Image
	var segments []*Segment
	for i, name := range p.cfg.Init {
		img, err := p.image(name)
		if err != nil {
			return err
		}
		location := fmt.Sprintf("init[%d]", i)
		p.unpacked(img, location, "")
		s := imageSegment(img, location, "", useRoot)
		s.Title = "Process init image: " + img.Ref
		images, segments = append(images, img), append(segments, s)
	}
	if len(segments) > 1 {
		segments = append(segments, apkSegment(images, segments))
	}
	return p.add(segments, nil)
}

// wanted are the references of all images that are unpacked.
func (p *planner) wanted() []string {
	all := append([]string{p.cfg.Kernel.Image}, p.cfg.Init...)
	for _, v := range p.cfg.Volumes {
		if v.Format != "oci" {
			all = append(all, v.Image)
		}
	}
	for _, s := range sections(p.cfg) {
		for _, c := range s.containers {
			all = append(all, c.Image)
		}
	}
	var unique []string
	seen := map[string]bool{"": true}
	for _, ref := range all {
		if !seen[ref] {
			seen[ref] = true
			unique = append(unique, ref)
		}
	}
	return unique
}

func (p *planner) resolve(ctx context.Context) error {
	refs := p.wanted()
	found, errs := make([]*image.Image, len(refs)), make([]error, len(refs))
	var g errgroup.Group
	g.SetLimit(2 * runtime.NumCPU())
	for i, ref := range refs {
		g.Go(func() error {
			found[i], errs[i] = p.found(ctx, reference.Expand(ref), p.opts.Platform)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs: whoever fixes one wants to see the others
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.images = make(map[string]*image.Image, len(refs))
	for i, ref := range refs {
		p.images[ref] = found[i]
	}
	return nil
}

// image returns a resolved image by its name as written.
func (p *planner) image(name string) (*image.Image, error) {
	img, ok := p.images[name]
	if !ok {
		return nil, fmt.Errorf("image %q was not resolved", name)
	}
	return img, nil
}

// metadata returns the merged configuration, with full image names, in the
// syntax that a file entry asks for.
func (p *planner) metadata(syntax string) ([]byte, error) {
	full := p.cfg.Expand(reference.Expand)
	switch syntax {
	case "yaml":
		return full.YAML(config.Compact)
	case "json":
		return full.JSON()
	default:
		return nil, fmt.Errorf("unknown metadata %q; want yaml or json", syntax)
	}
}

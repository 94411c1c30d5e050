package rootfs

import (
	"fmt"

	"github.com/linuxkit/linuxkit/config"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/runtimespec"
)

// labelKey is the image label that holds defaults for a container.
const labelKey = "org.mobyproject.config"

// section is one of the lists of containers.
type section struct {
	name       string
	containers []*config.Container
	// numbered bundles carry their index, which is the order they run in.
	numbered bool
}

func sections(c *config.Config) []section {
	return []section{
		{"onboot", c.Onboot, true},
		{"onshutdown", c.Onshutdown, true},
		{"services", c.Services, false},
	}
}

// bundleDir returns the directory of container i of a section.
func (s section) bundleDir(i int) string {
	name := s.containers[i].Name
	if s.numbered {
		name = fmt.Sprintf("%03d-%s", i, name)
	}
	return "containers/" + s.name + "/" + name
}

// bundleSegments describes the OCI bundle of container i.
func (p *planner) bundleSegments(s section, i int) ([]*Segment, error) {
	c := s.containers[i]
	img, err := p.image(c.Image)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", s.name, c.Name, err)
	}
	merged := *c
	own, err := p.cfg.ResolveVolumes(c.ImageConfig)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", s.name, c.Name, err)
	}
	if merged.ImageConfig, err = config.MergeLabel(img.Config.Config.Labels[labelKey], own); err != nil {
		return nil, fmt.Errorf("%s %q: image %s: %w", s.name, c.Name, img.Ref, err)
	}
	b := &bundle{dir: s.bundleDir(i), location: fmt.Sprintf("%s[%d]", s.name, i), img: img, container: merged}
	b.readonly = merged.Readonly != nil && *merged.Readonly
	b.lower, b.repeat = p.lowers[img.Ref]
	if !b.repeat {
		b.lower = b.contentDir()
		p.lowers[img.Ref] = b.lower
	}
	return b.segments(p)
}

// bundle is the OCI bundle of one container.
type bundle struct {
	dir, location string
	img           *image.Image
	container     config.Container
	readonly      bool
	// lower holds the files of the image; another bundle's if repeat.
	lower  string
	repeat bool
}

func (b *bundle) contentDir() string {
	if b.readonly {
		return b.dir + "/rootfs"
	}
	return b.dir + "/lower"
}

func (b *bundle) segments(p *planner) ([]*Segment, error) {
	spec, runtime, err := runtimespec.Build(runtimespec.Input{
		Container: b.container,
		Image:     b.img.Config.Config,
		IDs:       p.ids,
	})
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", b.location, b.container.Name, err)
	}
	runtime.Mounts = append(runtimespec.RootMounts("/"+b.dir, "/"+b.lower, b.readonly), runtime.Mounts...)
	specJSON, err := runtimespec.Marshal(spec)
	if err != nil {
		return nil, err
	}
	runtimeJSON, err := runtimespec.Marshal(runtime)
	if err != nil {
		return nil, err
	}
	own := generated(b.img.Ref, b.location, func() []*Entry { return b.entries(specJSON, runtimeJSON) })
	own.Title = "  Create OCI config for " + b.container.Image
	if b.repeat {
		return []*Segment{own}, nil
	}
	p.unpacked(b.img, b.location, b.lower)
	return []*Segment{imageSegment(b.img, b.location, b.lower, useContainer), own}, nil
}

// entries are the generated files of the bundle.
func (b *bundle) entries(specJSON, runtimeJSON []byte) []*Entry {
	var all []*Entry
	if b.repeat {
		all = prefixDirs(b.dir)
	}
	all = append(all, fileEntry(b.dir+"/config.json", 0o644, specJSON))
	if !b.readonly {
		all = append(all, dirEntry(b.dir+"/tmp", 0o755))
	}
	if !b.readonly || b.repeat {
		all = append(all, dirEntry(b.dir+"/rootfs", 0o755))
	}
	return append(all, fileEntry(b.dir+"/runtime.json", 0o644, runtimeJSON))
}

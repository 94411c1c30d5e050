package config

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// packageTemplate begins an image name that stands for a package in a
// directory.
const packageTemplate = "@pkg:"

// parallelPackages is how many packages are looked up at a time. It is not bound
// to the processors: a look-up waits for git most of the time.
const parallelPackages = 16

// imageField is a field that names an image.
type imageField struct {
	path string
	pos  Position
	ref  *string
	// optional says that the field may be empty.
	optional bool
}

// imageFields returns the fields of c that name images, in the order in which
// they are processed.
func (c *Config) imageFields() []imageField {
	list := []imageField{{"kernel.image", c.Kernel.At("image"), &c.Kernel.Image, true}}
	for i := range c.Init {
		path := join("init", strconv.Itoa(i))
		list = append(list, imageField{path, c.Fields.at(path, Position{}), &c.Init[i], false})
	}
	for i, v := range c.Volumes {
		list = append(list, imageField{join(join("volumes", strconv.Itoa(i)), "image"), v.At("image"), &v.Image, true})
	}
	for _, s := range c.sections() {
		for i, e := range s.entries {
			list = append(list, imageField{join(join(s.name, strconv.Itoa(i)), "image"), e.At("image"), &e.Image, false})
		}
	}
	return list
}

// section is a list of containers.
type section struct {
	name    string
	entries []*Container
}

func (c *Config) sections() []section {
	return []section{{"onboot", c.Onboot}, {"onshutdown", c.Onshutdown}, {"services", c.Services}}
}

// checkTemplates reports image names that begin with "@" but cannot be
// resolved.
func (s source) checkTemplates() Errors {
	var errs Errors
	for _, f := range s.imageFields() {
		dir, isPackage := strings.CutPrefix(*f.ref, packageTemplate)
		switch {
		case !strings.HasPrefix(*f.ref, "@"):
		case !isPackage:
			errs.add(f.pos, f.path, "unknown template %q; the only one is %s<directory>", clip(*f.ref), packageTemplate)
		case !s.local:
			errs.add(f.pos, f.path, "template %q needs a local file, to whose directory its path is relative; name the image instead", clip(*f.ref))
		case dir == "" || strings.ContainsRune(dir, 0):
			errs.add(f.pos, f.path, "template %q names no directory", clip(*f.ref))
		}
	}
	return errs
}

// lookup is a package that templates refer to.
type lookup struct {
	dir  string
	uses []imageField
	err  error
}

// resolveTemplates replaces the templates of all documents by image names.
// Each directory is asked for once, several at the same time.
func resolveTemplates(ctx context.Context, docs []source, find func(context.Context, string) (string, error)) error {
	list := lookups(docs)
	if len(list) > 0 && find == nil {
		use := list[0].uses[0]
		return Errors{{use.pos, use.path, fmt.Errorf("template %q cannot be resolved here; name the image instead", *use.ref)}}
	}
	var g errgroup.Group
	g.SetLimit(parallelPackages)
	for _, l := range list {
		g.Go(func() error {
			l.resolve(ctx, find)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var errs Errors
	for _, l := range list {
		if l.err != nil {
			use := l.uses[0]
			errs.add(use.pos, use.path, "package not found at %s: %w", l.dir, l.err)
		}
	}
	return errs.err()
}

func lookups(docs []source) []*lookup {
	var list []*lookup
	byDir := map[string]*lookup{}
	for _, doc := range docs {
		for _, f := range doc.imageFields() {
			dir, ok := strings.CutPrefix(*f.ref, packageTemplate)
			if !ok {
				continue
			}
			if dir = filepath.FromSlash(dir); !filepath.IsAbs(dir) {
				dir = filepath.Join(doc.dir, dir)
			}
			dir = filepath.Clean(dir)
			if byDir[dir] == nil {
				byDir[dir] = &lookup{dir: dir}
				list = append(list, byDir[dir])
			}
			byDir[dir].uses = append(byDir[dir].uses, f)
		}
	}
	return list
}

// resolve replaces all uses of the package. Uses belong to one lookup only.
func (l *lookup) resolve(ctx context.Context, find func(context.Context, string) (string, error)) {
	name, err := find(ctx, l.dir)
	if err == nil {
		err = checkImage(name)
	}
	if err != nil {
		l.err = err
		return
	}
	for _, use := range l.uses {
		*use.ref = name
	}
}

package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Validate reports, as [Errors], everything about a configuration that can be
// found to be wrong without looking at an image. What the label of an image
// may still replace or add is checked again when it is known.
func (c *Config) Validate() error { return c.validate(false).err() }

var (
	containerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	volumeName    = regexp.MustCompile(`^[a-z0-9_-]+$`)
)

// checker collects the faults of a configuration.
type checker struct {
	cfg  *Config
	ids  func(ID) (uint32, error)
	errs Errors
}

// validate leaves image names that are templates alone if they are allowed.
func (c *Config) validate(templates bool) Errors {
	check := &checker{cfg: c, ids: c.IDs()}
	check.images(templates)
	check.volumes()
	for _, s := range c.sections() {
		for i, e := range s.entries {
			check.container(e, join(s.name, strconv.Itoa(i)))
		}
	}
	check.services()
	for i, f := range c.Files {
		check.file(f, join("files", strconv.Itoa(i)))
	}
	return check.errs
}

// entry is an entry under examination.
type entry struct {
	*checker
	path string
	at   func(path string) Position
}

func (e entry) fail(path, format string, args ...any) {
	full := e.path
	if path != "" {
		full = join(full, path)
	}
	e.errs.add(e.at(path), full, format, args...)
}

// report adds err, if any, as a fault of the value at path.
func (e entry) report(path string, err error) {
	if err != nil {
		e.fail(path, "%w", err)
	}
}

// id checks that an id has a number.
func (e entry) id(path string, id *ID) {
	if id != nil {
		_, err := e.ids(*id)
		e.report(path, err)
	}
}

func (c *checker) images(templates bool) {
	for _, f := range c.cfg.imageFields() {
		if *f.ref == "" && f.optional || templates && strings.HasPrefix(*f.ref, "@") {
			continue
		}
		if err := checkImage(*f.ref); err != nil {
			c.errs.add(f.pos, f.path, "%w", err)
		}
	}
}

// services checks that their names are unique over all documents.
func (c *checker) services() {
	first := map[string]*Container{}
	for i, s := range c.cfg.Services {
		other, found := first[s.Name]
		if !found {
			first[s.Name] = s
			continue
		}
		e := entry{c, join("services", strconv.Itoa(i)), s.At}
		if other.Pos.File == s.Pos.File {
			e.fail("name", "duplicate service %q, already at %s; rename one of them", s.Name, other.Pos)
		} else {
			e.fail("name", "cannot append config files: duplicate service %q, already at %s; rename one of them", s.Name, other.Pos)
		}
	}
}

func (c *checker) volumes() {
	first := map[string]*Volume{}
	for i, v := range c.cfg.Volumes {
		e := entry{c, join("volumes", strconv.Itoa(i)), v.At}
		e.volume(v)
		if other, found := first[v.Name]; found {
			e.fail("name", "duplicate volume %q, already at %s; rename one of them", v.Name, other.Pos)
			continue
		}
		first[v.Name] = v
	}
}

func (e entry) volume(v *Volume) {
	if !volumeName.MatchString(v.Name) {
		e.fail("name", "invalid volume name %q; want lower-case letters, digits, \"_\" and \"-\"", clip(v.Name))
	}
	switch v.Format {
	case "", "filesystem":
	case "oci":
		if v.Image == "" {
			e.fail("format", "format oci needs an image; add one, or remove the format")
		}
	default:
		e.fail("format", "unknown format %q; want filesystem or oci", clip(v.Format))
	}
	for i, p := range v.Platforms {
		if !isPlatform(p) {
			e.fail(item("platforms", i), "%q is no platform; want os/arch[/variant], such as linux/amd64", clip(p))
		}
	}
}

var platform = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){1,2}$`)

func isPlatform(s string) bool { return platform.MatchString(s) }

func item(list string, i int) string { return list + "." + strconv.Itoa(i) }

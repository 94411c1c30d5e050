package pkglib

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.yaml.in/yaml/v4"

	"github.com/linuxkit/linuxkit/internal/git"
)

// Depends are images that a Dockerfile wants in its context.
type Depends struct {
	// Images have a host and a digest.
	Images []string
	// Target is the absolute path of one archive for all images, TargetDir a
	// directory with one archive each. Both may be empty.
	Target, TargetDir string

	fromFile string
}

// maxImageList is the size in bytes above which a list of images is refused.
const maxImageList = 1 << 20

func (x *Depends) decode(d document) func(*yaml.Node) error {
	images := fields{
		"list":       d.list(&x.Images),
		"from-file":  d.text(&x.fromFile),
		"target":     d.text(&x.Target),
		"target-dir": d.text(&x.TargetDir),
	}
	return func(n *yaml.Node) error {
		return d.mapping(n, fields{"docker-images": func(n *yaml.Node) error { return d.mapping(n, images) }})
	}
}

// complete checks the dependencies of the package in dir, makes their paths
// absolute and reads the list of images.
func (x *Depends) complete(dir string) error {
	if x.Target != "" && x.TargetDir != "" {
		return errors.New(`"depends.images.target" and "depends.images.target-dir" are mutually exclusive`)
	}
	if x.fromFile != "" && len(x.Images) > 0 {
		return errors.New(`"depends.images.list" and "depends.images.from-file" are mutually exclusive`)
	}
	if err := errors.Join(
		makeWithin("depends.image.target", dir, &x.Target),
		makeWithin("depends.image.target-dir", dir, &x.TargetDir),
		makeWithin("depends.image.from-file", dir, &x.fromFile),
	); err != nil {
		return err
	}
	if x.fromFile != "" {
		if err := x.readList(); err != nil {
			return err
		}
	}
	return x.checkImages()
}

// makeWithin makes a non-empty path below dir absolute.
func makeWithin(field, dir string, path *string) error {
	if *path == "" {
		return nil
	}
	if filepath.IsAbs(*path) {
		return fmt.Errorf("%s must be relative to package directory", field)
	}
	*path = filepath.Join(dir, *path)
	if *path == dir {
		return fmt.Errorf("%s must not be exactly the package directory", field)
	}
	if !git.Within(dir, *path) {
		return fmt.Errorf("%s must be within package directory", field)
	}
	return nil
}

func (x *Depends) readList() error {
	f, err := os.Open(x.fromFile)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxImageList))
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "#") {
			x.Images = append(x.Images, line)
		}
	}
	return err
}

func (x *Depends) checkImages() error {
	for _, image := range x.Images {
		name, sum, found := strings.Cut(image, "@")
		host, rest, _ := strings.Cut(name, "/")
		if !found || rest == "" || !strings.ContainsAny(host, ".:") && host != "localhost" {
			return fmt.Errorf("image %q lacks a digest", image)
		}
		if _, err := digest.Parse(sum); err != nil {
			return fmt.Errorf("unable to validate digest in %q: %w", image, err)
		}
	}
	return nil
}

// Package sbom joins the bills of materials of images into one SPDX 2.3
// document in JSON.
//
// It owns what happens to identifiers, names and relationships when documents
// are joined: each keeps its own name space by a prefix, so that everything in
// the result exists once and every reference leads to what it meant. Documents
// are read as streams, one element in memory at a time. What cannot be
// understood is left out with a warning; the package judges no content, scans
// nothing and knows no image format.
package sbom

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// ErrInvalid means that something is not a bill of materials this package can
// read.
var ErrInvalid = errors.New("not a valid SPDX document")

// Source is an image that was unpacked somewhere in the tree.
type Source struct {
	// Ref is the name of the image.
	Ref string
	// Location says what it is used for, such as "init[0]"; no two sources
	// have the same.
	Location string
	// Prefix is the directory it was unpacked to, empty for the root.
	Prefix string
	// Documents returns its bills of materials: in-toto statements about SPDX
	// documents. Each can be opened several times.
	Documents func(ctx context.Context) ([]func() (io.ReadCloser, error), error)
}

// Options say how the document is made.
type Options struct {
	// Created is the time of the document.
	Created time.Time
	// Creators are who and what made it, as SPDX writes them.
	Creators []string
}

// Collect joins the documents of all sources, in their order. The result has
// to be closed.
func Collect(ctx context.Context, sources []Source, opts Options) (*Document, error) {
	d := newDocument()
	for _, s := range sources {
		if err := d.add(ctx, s); err != nil {
			d.Close()
			return nil, err
		}
	}
	if err := d.finish(opts); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// add joins the documents of one source.
func (d *Document) add(ctx context.Context, s Source) error {
	documents, err := s.Documents(ctx)
	if err != nil {
		progress.Warnf(ctx, "the SBOM lacks image %s (%s): %v", s.Ref, s.Location, err)
		return ctx.Err()
	}
	if len(documents) == 0 {
		progress.Debugf(ctx, "image %s (%s) has no SBOM to add", s.Ref, s.Location)
	}
	for i, open := range documents {
		if err := ctx.Err(); err != nil {
			return err
		}
		facts, err := survey(open)
		if err != nil {
			progress.Warnf(ctx, "the SBOM lacks one document of image %s (%s): %v", s.Ref, s.Location, err)
			continue
		}
		j := joiner{out: d, facts: facts, dir: s.Prefix, mark: mark(s.Location, i), seen: set{}}
		if err := j.join(open); err != nil {
			return err
		}
	}
	return nil
}

// mark makes identifiers of one document differ from those of all others, and
// tells readers where it belongs: "init-0" for the first document of init[0],
// "init-0.1" for the second.
func mark(location string, i int) string {
	m := strings.TrimSuffix(strings.ReplaceAll(location, "[", "-"), "]")
	if i > 0 {
		m += "." + strconv.Itoa(i)
	}
	return m
}

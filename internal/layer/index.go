package layer

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// kind is what an entry of a layer is, as far as the tree has to know.
type kind byte

const (
	kindFile kind = iota // all that is not one of the others
	kindDir
	kindLink
)

// record is an entry of a layer that counts.
type record struct {
	name string
	// target is the clean target of a hard link, or that of a symbolic link as
	// it is.
	target string
	// header is kept for directories only.
	header *tar.Header
	// seq is the place of the entry in its archive.
	seq  int32
	kind kind
}

// index is what the first pass learns of a layer.
type index struct {
	records            []record
	whiteouts, opaques []string
	// count is the number of entries in the archive.
	count int32
}

// usage is what all layers use of the limits.
type usage struct {
	limits  Limits
	entries atomic.Int64
	bytes   atomic.Int64
}

func (u *usage) addEntry() error {
	if u.entries.Add(1) > int64(u.limits.Entries) {
		return fmt.Errorf("%w: more than %d entries", ErrLimit, u.limits.Entries)
	}
	return nil
}

func (u *usage) addBytes(n int) error {
	if u.bytes.Add(int64(n)) > u.limits.IndexBytes {
		return fmt.Errorf("%w: names of more than %d bytes in all", ErrLimit, u.limits.IndexBytes)
	}
	return nil
}

// indexAll reads the headers of all layers, several layers at a time.
func indexAll(ctx context.Context, all sources, l Limits) ([]index, error) {
	indexes := make([]index, len(all))
	u := &usage{limits: l}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range all {
		g.Go(func() error {
			err := s.first(ctx, func(r io.ReadSeeker) error { return indexes[i].read(r, u) })
			if err != nil {
				return s.wrap(err)
			}
			return nil
		})
	}
	return indexes, g.Wait()
}

func (x *index) read(r io.ReadSeeker, u *usage) error {
	tr := tar.NewReader(r)
	content := int64(0)
	for {
		h, err := tr.Next()
		if err == nil || errors.Is(err, io.EOF) {
			// Holes are content that is not stored.
			if holes := checkHoles(r, content); holes != nil {
				return holes
			}
		}
		if errors.Is(err, io.EOF) {
			return drain(r)
		}
		if err != nil {
			return x.tarError(err)
		}
		content += max(0, min(h.Size, math.MaxInt64-content))
		if err := u.addEntry(); err != nil {
			return err
		}
		if err := x.add(h, u); err != nil {
			return err
		}
		x.count++
	}
}

// checkHoles compares the content of all entries so far with what was read of
// the archive.
func checkHoles(r io.Seeker, content int64) error {
	position, err := r.Seek(0, io.SeekCurrent)
	if err == nil && bloated(content, position, freeHoles) {
		return errBloated(content, position)
	}
	return nil
}

// drain reads to the end, so that checksums behind the archive are verified.
func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func (x *index) tarError(err error) error {
	if errors.Is(err, tar.ErrHeader) && x.count == 0 {
		return fmt.Errorf("%w: it is neither a tar archive nor one compressed with gzip or zstd: %w", ErrInvalid, err)
	}
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}

func (x *index) add(h *tar.Header, u *usage) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := cleanName(h.Name, u.limits)
	if err != nil {
		return err
	}
	if n := paxBytes(h); n > u.limits.PAXBytes {
		return fmt.Errorf("entry %.200q: %w: extended header of %d bytes, at most %d are allowed", name, ErrLimit, n, u.limits.PAXBytes)
	}
	if err := u.addBytes(len(name)); err != nil {
		return err
	}
	m, name, err := parseMark(name)
	if err != nil {
		return err
	}
	switch m {
	case markWhiteout:
		x.whiteouts = append(x.whiteouts, name)
	case markOpaque:
		x.opaques = append(x.opaques, name)
	case markNone:
		return x.addRecord(name, h, u)
	}
	return nil
}

func (x *index) addRecord(name string, h *tar.Header, u *usage) error {
	r := record{name: name, seq: x.count}
	switch h.Typeflag {
	case tar.TypeDir:
		r.kind, r.header = kindDir, h
		if err := u.addBytes(paxBytes(h)); err != nil {
			return err
		}
	case tar.TypeLink:
		var err error
		if r.target, err = cleanTarget(name, h.Linkname, u.limits); err != nil {
			return err
		}
		if err := u.addBytes(len(r.target)); err != nil {
			return err
		}
		r.kind = kindLink
	default:
		if err := checkFile(name, h, u.limits); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeSymlink {
			r.target = h.Linkname
			if err := u.addBytes(len(r.target)); err != nil {
				return err
			}
		}
	}
	if name == root {
		return checkRoot(r)
	}
	x.records = append(x.records, r)
	return nil
}

func checkRoot(r record) error {
	if r.kind != kindDir {
		return fmt.Errorf("%w: the root of the image is not a directory", ErrInvalid)
	}
	return nil
}

// checkFile tells whether an entry that is neither directory nor hard link is
// of a type that can be in an image.
func checkFile(name string, h *tar.Header, l Limits) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return nil
	case tar.TypeSymlink:
		if len(h.Linkname) > l.NameBytes {
			return fmt.Errorf("symbolic link %.200q: %w: target of %d bytes, at most %d are allowed", name, ErrLimit, len(h.Linkname), l.NameBytes)
		}
		if h.Linkname == "" || strings.IndexByte(h.Linkname, 0) >= 0 {
			return fmt.Errorf("symbolic link %.200q: %w: target %.200q", name, ErrInvalid, h.Linkname)
		}
		return nil
	default:
		return fmt.Errorf("entry %.200q: %w: type %q is not supported; remove the file from the image", name, ErrInvalid, h.Typeflag)
	}
}

func paxBytes(h *tar.Header) int {
	n := 0
	for k, v := range h.PAXRecords {
		n += len(k) + len(v)
	}
	return n
}

package layer

import (
	"archive/tar"
	"context"
	"errors"
	"io"
)

// Errors that callers may test for.
var (
	// ErrInvalid means that a layer holds what no layer may: a hostile name, a
	// link to nothing or out of the tree, a type that is not known, or no
	// archive at all.
	ErrInvalid = errors.New("invalid layer")
	// ErrLimit means that a layer exceeds one of [Limits].
	ErrLimit = errors.New("limit exceeded")
)

// Blob is one layer of an image.
type Blob struct {
	// Digest names the layer in errors.
	Digest string
	// Open returns the stored bytes: a tar archive, possibly compressed with
	// gzip or zstd, which its first bytes tell. It is called at most twice, and
	// must give the same bytes each time. If the reader is an [io.Seeker],
	// content of plain tar archives that is not wanted is skipped, not read.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Entry is a file of the flattened tree.
type Entry struct {
	// Header describes the file and belongs to the receiver. Name and, for
	// hard links, Linkname are relative and clean, without leading "./" or
	// trailing "/". The type is that of a regular file, hard link, symbolic
	// link, character or block device, fifo or directory. PAXRecords holds
	// what has no field of its own, extended attributes among it.
	Header *tar.Header
	// Content has Header.Size bytes for a regular file, holes included, and is
	// valid until the callback returns. It is nil if there are none.
	Content io.Reader
	// Links is how many names of the file are emitted; 1 if it is no hard
	// link. The first name has the content, the others follow as hard links
	// to it.
	Links int
}

// Options are the options of [Flatten]. The zero value keeps all entries and
// has the default limits.
type Options struct {
	// Keep tells whether to emit the entry of a name; nil keeps all. What is
	// not kept still takes part in the semantics: a file whose first name is
	// not kept appears under its next one. Dropping a directory does not drop
	// what it holds.
	Keep func(name string) bool
	// Limits bound what a hostile image can cost.
	Limits Limits
}

// Limits bound the memory that layers can make [Flatten] use. A field that is
// zero has its default. The size of content is not limited.
type Limits struct {
	// Entries is the number of entries of all layers together, directories
	// that are only implied included; default 2,000,000.
	Entries int
	// NameBytes is the length of a name or link target; default 4096.
	NameBytes int
	// PAXBytes is the size of the extended header of one entry; default 1 MiB.
	PAXBytes int
	// IndexBytes is the length of all names and link targets, and of the
	// extended headers of directories, together; default 512 MiB.
	IndexBytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 2_000_000
	}
	if l.NameBytes == 0 {
		l.NameBytes = 4096
	}
	if l.PAXBytes == 0 {
		l.PAXBytes = 1 << 20
	}
	if l.IndexBytes == 0 {
		l.IndexBytes = 512 << 20
	}
	return l
}

// Flatten calls emit for each file of the tree that layers make, the lowest
// layer first in the list. Directories come before what they hold, the name
// of a file that has the content before its hard links. The order depends on
// the layers only: entries come layer by layer as they are in the archive,
// each preceded by those directories above it that were not emitted yet, and
// hard links right behind the file.
//
// An error of emit ends the walk and is returned as it is. Other errors name
// the layer and wrap [ErrInvalid] or [ErrLimit] where the image is to blame.
func Flatten(ctx context.Context, layers []Blob, opts Options, emit func(*Entry) error) error {
	opts.Limits = opts.Limits.withDefaults()
	sources := newSources(layers)
	defer sources.close()
	indexes, err := indexAll(ctx, sources, opts.Limits)
	if err != nil {
		return err
	}
	t := newTree(opts.Limits)
	for i, x := range indexes {
		if err := t.apply(i, x); err != nil {
			return layers[i].wrap(err)
		}
		indexes[i] = index{count: x.count}
	}
	e := newEmitter(t, indexes, opts.Keep, emit)
	for i := range sources {
		if err := e.layer(ctx, i, sources[i]); err != nil {
			return err
		}
	}
	return nil
}

package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The records of a tar entry that name the image it comes from, and its place in
// the configuration.
const (
	RecordSource   = "LINUXKIT.source"
	RecordLocation = "LINUXKIT.location"
)

// RecordKey is the record of a tar entry that holds the key of the segment it
// belongs to, or of the boot file it is.
const RecordKey = "LINUXKIT.key"

// recordPrefix is that of all records which are ours.
const recordPrefix = "LINUXKIT."

// ErrNoKeys means that a tar does not say what its entries were made from.
var ErrNoKeys = errors.New("it was not made by this version, or holds nothing of an image")

// OldTar is the tar of an earlier build. What its entries say they were made
// from is believed.
type OldTar struct {
	name string
	file *os.File
	// spans are the places of segments and boot files by their keys.
	spans map[string]*span
}

// span is a run of entries that belong together.
type span struct {
	start, end int64
	// links counts the names of files that have several.
	links map[string]int
}

// OpenOldTar reads the headers of a tar. It has to be closed.
func OpenOldTar(ctx context.Context, name string) (*OldTar, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t := &OldTar{name: name, file: f, spans: map[string]*span{}}
	if err := t.scan(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return t, nil
}

// Close closes the file; segments that are taken from it cannot be walked any
// more.
func (t *OldTar) Close() error { return t.file.Close() }

const blockSize = 512

func (t *OldTar) scan(ctx context.Context) error {
	r := tar.NewReader(t.file)
	end, last := int64(0), ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("it is no whole tar: %w", err)
		}
		start := end
		// The reader reads no further than the header.
		data, err := t.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		end = data + (contentSize(h)+blockSize-1)/blockSize*blockSize
		key := h.PAXRecords[RecordKey]
		t.note(key, key == last, start, end, h)
		last = key
	}
	if len(t.spans) == 0 {
		return ErrNoKeys
	}
	return nil
}

// contentSize is how much of the archive the content takes.
func contentSize(h *tar.Header) int64 {
	if h.Typeflag != tar.TypeReg {
		return 0
	}
	return h.Size
}

// note adds an entry to the span of its key.
func (t *OldTar) note(key string, continued bool, start, end int64, h *tar.Header) {
	if key == "" {
		return
	}
	s := t.spans[key]
	if s == nil || !continued {
		// The same key twice has the same entries twice.
		s = &span{start: start, links: map[string]int{}}
		t.spans[key] = s
	}
	s.end = end
	if h.Typeflag == tar.TypeLink {
		s.links[h.Linkname]++
	}
}

// has tells whether the tar holds what a key stands for.
func (t *OldTar) has(key string) bool { return key != "" && t.spans[key] != nil }

// walk emits the entries of a key as they were emitted when the tar was made.
func (t *OldTar) walk(ctx context.Context, key string, emit Emit) error {
	s := t.spans[key]
	r := tar.NewReader(io.NewSectionReader(t.file, s.start, s.end-s.start))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", t.name, err)
		}
		for name := range h.PAXRecords {
			if strings.HasPrefix(name, recordPrefix) {
				delete(h.PAXRecords, name)
			}
		}
		e := &Entry{Header: h, Links: 1}
		h.Name = strings.TrimSuffix(h.Name, "/")
		if h.Typeflag == tar.TypeReg {
			e.Content = r
			e.Links += s.links[h.Name]
		}
		if err := emit(e); err != nil {
			return err
		}
	}
}

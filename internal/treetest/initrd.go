package treetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/linuxkit/linuxkit/internal/format/cpio"
)

// ReadInitrd returns the tree that the kernel makes of an initrd: a sequence of
// cpio archives, each on its own raw, or compressed with gzip or zstd, with
// zero bytes between them.
func ReadInitrd(data []byte) (map[string]Row, error) {
	tree := map[string]Row{}
	for {
		data = bytes.TrimLeft(data, "\x00")
		if len(data) == 0 {
			return tree, nil
		}
		archive, rest, err := firstArchive(data)
		if err != nil {
			return nil, err
		}
		if err := unpack(archive, tree); err != nil {
			return nil, err
		}
		data = rest
	}
}

// firstArchive returns the content of the first archive and what follows it.
func firstArchive(data []byte) (io.Reader, []byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		r := bytes.NewReader(data)
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		z.Multistream(false)
		content, err := io.ReadAll(z)
		return bytes.NewReader(content), data[len(data)-r.Len():], err
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		n, err := zstdFrame(data)
		if err != nil {
			return nil, nil, err
		}
		z, err := zstd.NewReader(bytes.NewReader(data[:n]))
		return z, data[n:], err
	default:
		return nil, nil, fmt.Errorf("unknown archive, it begins with %q", data[:min(6, len(data))])
	}
}

// zstdFrame returns the length of the frame that data begins with; see RFC
// 8878, section 3.1.1.
func zstdFrame(data []byte) (int, error) {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return 0, err
	}
	n := h.HeaderSize
	for last := false; !last; {
		if n+3 > len(data) {
			return 0, io.ErrUnexpectedEOF
		}
		block := binary.LittleEndian.Uint32(append(data[n:n+3:n+3], 0))
		last = block&1 != 0
		size := int(block >> 3)
		if block>>1&3 == 1 { // a run of one byte
			size = 1
		}
		n += 3 + size
	}
	if h.HasCheckSum {
		n += 4
	}
	return n, nil
}

// unpack adds the entries of one archive to the tree, as init/initramfs.c does:
// what is there stays in place if it is of the same kind, so that a file with
// several names changes under all of them.
func unpack(archive io.Reader, tree map[string]Row) error {
	r := cpio.NewReader(archive)
	names := map[uint32]string{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		row, err := rowOf(h.Tar(), r)
		if err != nil {
			return err
		}
		first, linked := names[h.Inode]
		switch {
		case linked && row.Type == "file" && h.Size == 0:
			row.Type, row.Link = "hardlink", first
		case row.Type == "file":
			names[h.Inode] = row.Name
			write(tree, row)
			continue
		}
		tree[row.Name] = row
	}
}

// write puts a file into the tree. If its name is one of several of an older
// file, the content of all of them changes.
func write(tree map[string]Row, row Row) {
	name := row.Name
	for tree[name].Type == "hardlink" {
		name = tree[name].Link
	}
	row.Name = name
	tree[name] = row
}

// EmptyBoot returns the tree without what is below boot, which is no part of
// an initrd.
func EmptyBoot(tree map[string]Row) map[string]Row {
	rest := maps.Clone(tree)
	maps.DeleteFunc(rest, func(name string, _ Row) bool { return strings.HasPrefix(name, "boot/") })
	return rest
}

// WithoutBoot is EmptyBoot without the directory itself.
func WithoutBoot(tree map[string]Row) map[string]Row {
	rest := EmptyBoot(tree)
	delete(rest, "boot")
	return rest
}

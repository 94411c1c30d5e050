package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"strings"
)

// generated returns a segment of entries that are made anew for each walk.
func generated(source, location string, entries func() []*Entry) *Segment {
	return &Segment{
		Source: source, Location: location,
		walk: func(_ context.Context, _ *Tree, emit Emit) error { return emitAll(entries(), emit) },
	}
}

func emitAll(entries []*Entry, emit Emit) error {
	for _, e := range entries {
		if err := emit(e); err != nil {
			return err
		}
	}
	return nil
}

func dirEntry(name string, mode int64) *Entry {
	return &Entry{Header: &tar.Header{
		Typeflag: tar.TypeDir, Name: name, Mode: mode, ModTime: GeneratedTime, Format: tar.FormatPAX,
	}, Links: 1}
}

func fileEntry(name string, mode int64, content []byte) *Entry {
	return &Entry{Header: &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), ModTime: GeneratedTime, Format: tar.FormatPAX,
	}, Content: bytes.NewReader(content), Links: 1}
}

func symlinkEntry(name, target string, mode int64) *Entry {
	return &Entry{Header: &tar.Header{
		Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: mode, ModTime: GeneratedTime, Format: tar.FormatPAX,
	}, Links: 1}
}

// prefixDirs returns entries for "a", "a/b", ... down to prefix.
func prefixDirs(prefix string) []*Entry {
	var dirs []*Entry
	for i, c := range prefix {
		if c == '/' {
			dirs = append(dirs, dirEntry(prefix[:i], 0o755))
		}
	}
	if prefix != "" {
		dirs = append(dirs, dirEntry(prefix, 0o755))
	}
	return dirs
}

// join puts prefix before name; prefix has no trailing slash and may be empty.
func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return strings.TrimSuffix(prefix+"/"+name, "/")
}

// Package treetest reads the tree that an archive leaves behind and compares
// it with a recorded one. It is used by tests only.
package treetest

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Row is one path of a tree, as test/conformance/README.md describes it.
type Row struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Mode   string `json:"mode"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Link   string `json:"link,omitempty"`
	Dev    string `json:"dev,omitempty"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	JSON   any    `json:"json,omitempty"`

	// Content is kept for small files read from an archive.
	Content []byte `json:"-"`
}

// maxContent is the size up to which the content of a file is kept.
const maxContent = 1 << 20

var types = map[byte]string{
	tar.TypeDir: "dir", tar.TypeReg: "file", tar.TypeSymlink: "symlink", tar.TypeLink: "hardlink",
	tar.TypeChar: "char", tar.TypeBlock: "block", tar.TypeFifo: "fifo",
}

// ReadTar returns the tree that a tar leaves behind, by path. Where a path
// occurs several times, the last entry counts.
func ReadTar(r io.Reader) (map[string]Row, error) {
	tree := map[string]Row{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return tree, nil
		}
		if err != nil {
			return nil, err
		}
		row, err := rowOf(h, tr)
		if err != nil {
			return nil, err
		}
		if row.Name != "." {
			tree[row.Name] = row
		}
	}
}

func rowOf(h *tar.Header, content io.Reader) (Row, error) {
	row := Row{
		Name: path.Clean(strings.Trim(h.Name, "/")), Type: types[h.Typeflag], Mode: fmt.Sprintf("%04o", h.Mode&0o7777),
		UID: h.Uid, GID: h.Gid, Link: h.Linkname,
	}
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		row.Dev = fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)
	}
	if h.Typeflag != tar.TypeReg {
		return row, nil
	}
	var kept bytes.Buffer
	sum := sha256.New()
	var w io.Writer = sum
	if h.Size <= maxContent {
		w = io.MultiWriter(sum, &kept)
	}
	if _, err := io.Copy(w, content); err != nil {
		return row, err
	}
	row.Size, row.SHA256, row.Content = h.Size, hex.EncodeToString(sum.Sum(nil)), kept.Bytes()
	return row, nil
}

// ReadExpected returns a recorded tree: one JSON object for each path.
func ReadExpected(name string) (map[string]Row, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tree := map[string]Row{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var row Row
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.UseNumber()
		if err := dec.Decode(&row); err != nil {
			return nil, err
		}
		tree[row.Name] = row
	}
	return tree, lines.Err()
}

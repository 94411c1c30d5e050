// Package deb reads Debian binary packages (deb(5), format 2.0): an ar archive
// of a control and a data tar. It streams them to the caller in archive order.
//
// It installs nothing, runs no maintainer script, and refuses names that lead
// out of the package, device nodes, and archives beyond its limits.
package deb

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// ErrFormat means that the file is damaged or not a Debian binary package.
var ErrFormat = errors.New("not a valid Debian package")

const (
	maxEntries     = 1 << 20
	maxName        = 4096
	maxControlFile = 4 << 20
	maxData        = 16 << 30
	maxWindow      = 64 << 20
	maxDictionary  = 28 // how xz writes maxWindow
)

// Visitor receives what is in a package. Either function may be nil.
type Visitor struct {
	// Control is called for each file of the control archive, such as
	// "control" or "md5sums".
	Control func(name string, data []byte) error
	// Data is called for each entry of the data archive. Name, and for hard
	// links Linkname, are clean and relative. Types are regular file, directory,
	// symbolic link and hard link.
	Data func(h *tar.Header, content io.Reader) error
}

// Read reads a package from its start. Errors about its content wrap
// [ErrFormat]; errors of the visitor are returned as they are.
func Read(r io.Reader, v Visitor) error {
	a, err := newArReader(r)
	if err != nil {
		return err
	}
	if err := readVersion(a); err != nil {
		return err
	}
	if err := readMember(a, "control.tar", v.control); err != nil {
		return err
	}
	if v.Data == nil {
		return nil
	}
	return readMember(a, "data.tar", v.data)
}

func readVersion(a *arReader) error {
	name, content, err := a.next()
	if err != nil || name != "debian-binary" {
		return fmt.Errorf("%w: no member debian-binary at its start", ErrFormat)
	}
	version, err := io.ReadAll(io.LimitReader(content, 64))
	if err != nil || !strings.HasPrefix(string(version), "2.") {
		return fmt.Errorf("%w: format version %q instead of 2.x", ErrFormat, version)
	}
	return nil
}

// readMember finds the next member called base with an ending for its
// compression. Members whose name starts with an underscore are skipped.
func readMember(a *arReader, base string, each func(*tar.Header, io.Reader) error) error {
	for {
		name, content, err := a.next()
		if err != nil {
			return fmt.Errorf("%w: no member %s", ErrFormat, base)
		}
		if strings.HasPrefix(name, "_") {
			continue
		}
		ending, ok := strings.CutPrefix(name, base)
		if !ok {
			return fmt.Errorf("%w: member %q where %s was expected", ErrFormat, name, base)
		}
		return readTar(base, content, ending, each)
	}
}

func readTar(base string, r io.Reader, ending string, each func(*tar.Header, io.Reader) error) error {
	plain, done, err := decompress(r, ending)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, base, err)
	}
	defer done()
	tr := tar.NewReader(&limited{plain, maxData})
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && n >= maxEntries {
			err = fmt.Errorf("more than %d entries", maxEntries)
		}
		if err == nil {
			err = normalize(h)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFormat, base, err)
		}
		if err := each(h, tr); err != nil {
			return err
		}
	}
}

func decompress(r io.Reader, ending string) (io.Reader, func(), error) {
	nothing := func() {}
	switch ending {
	case "":
		return r, nothing, nil
	case ".gz":
		z, err := gzip.NewReader(r)
		return z, nothing, err
	case ".xz":
		br := bufio.NewReaderSize(r, 64<<10)
		if err := checkDictionary(br); err != nil {
			return nil, nothing, err
		}
		z, err := xz.NewReader(br)
		return z, nothing, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, nothing, err
		}
		return z, z.Close, nil
	default:
		return nil, nothing, fmt.Errorf("unknown compression %q", ending)
	}
}

// checkDictionary refuses an xz stream whose first block asks for a dictionary
// that does not fit in reasonable memory (xz file format 1.2.0, 3.1 and 5.3.1).
func checkDictionary(br *bufio.Reader) error {
	head, _ := br.Peek(64) // what is damaged is left to the decoder
	const flags, firstField = 13, 14
	if len(head) <= firstField {
		return nil
	}
	pos := firstField
	for _, present := range []byte{0x40, 0x80} { // sizes that may be given
		if head[flags]&present != 0 {
			pos += varint(head[pos:])
		}
	}
	if pos+2 < len(head) && head[pos] == 0x21 && head[pos+2] > maxDictionary {
		return fmt.Errorf("xz dictionary beyond %d bytes", maxWindow)
	}
	return nil
}

// varint returns the length of the number at the start of b.
func varint(b []byte) int {
	n := 0
	for n < len(b) && b[n]&0x80 != 0 {
		n++
	}
	return min(n+1, len(b)-1)
}

// normalize makes the names of an entry clean and relative.
func normalize(h *tar.Header) error {
	var err error
	if h.Name, err = cleanName(h.Name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink:
	case tar.TypeLink:
		h.Linkname, err = cleanName(h.Linkname)
	default:
		err = fmt.Errorf("entry %q has type %q", h.Name, h.Typeflag)
	}
	if err == nil && len(h.Linkname) > maxName {
		err = fmt.Errorf("link target of %q is longer than %d bytes", h.Name, maxName)
	}
	return err
}

func cleanName(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("name %q leads out of the package", name)
		}
	}
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("name %.64q... is too long or has a zero byte", name)
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/"), nil
}

func (v Visitor) control(h *tar.Header, content io.Reader) error {
	if h.Typeflag != tar.TypeReg || v.Control == nil {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(content, maxControlFile+1))
	if err != nil || len(data) > maxControlFile {
		return fmt.Errorf("%w: control file %s cannot be read or is larger than %d bytes", ErrFormat, h.Name, maxControlFile)
	}
	return v.Control(h.Name, data)
}

func (v Visitor) data(h *tar.Header, content io.Reader) error {
	if h.Name == "" {
		return nil
	}
	return v.Data(h, content)
}

// limited fails once more than a number of bytes were read.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("more than %d bytes", int64(maxData))
	}
	return n, err
}

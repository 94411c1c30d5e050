package fsimagetest

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
)

// source makes trees from a seed.
type source struct {
	*rand.Rand
	acl   bool
	dirs  []string
	files []string
}

// Random returns the files of a small tree in the order of a sequential
// reader, with all kinds of files, content and attributes. With system, there
// are access control lists as well.
func Random(seed uint64, system bool) []File {
	s := &source{Rand: newRand(seed), acl: system, dirs: []string{"."}}
	files := []File{{Entry: s.entry(".", fsimage.TypeDir)}}
	for range 5 + s.IntN(60) {
		files = append(files, s.file())
	}
	return files
}

func (s *source) file() File {
	p := path.Join(s.dirs[s.IntN(len(s.dirs))], s.name())
	switch n := s.IntN(20); {
	case n < 3:
		s.dirs = append(s.dirs, p)
		return File{Entry: s.entry(p, fsimage.TypeDir)}
	case n < 5:
		e := s.entry(p, fsimage.TypeSymlink)
		e.Mode, e.Linkname = fsimage.TypeSymlink|0o777, strings.Repeat("t/", 1+s.IntN(1800))
		return File{Entry: e}
	case n < 8:
		e := s.entry(p, []uint32{fsimage.TypeChar, fsimage.TypeBlock, fsimage.TypeFifo}[n-5])
		if n < 7 {
			e.Major, e.Minor = s.Uint32N(1<<12), s.Uint32N(1<<20)
		}
		return File{Entry: e}
	case n < 10 && len(s.files) > 0:
		return File{Entry: fsimage.Entry{Path: p, HardLink: s.files[s.IntN(len(s.files))]}}
	}
	s.files = append(s.files, p)
	content := s.content()
	e := s.entry(p, fsimage.TypeRegular)
	e.Size = int64(len(content))
	return File{Entry: e, Content: content}
}

// name returns one that has not been before.
func (s *source) name() string {
	return fmt.Sprintf("%x%s", s.Uint64(), strings.Repeat("é", s.IntN(110)*s.IntN(2)))
}

func (s *source) entry(p string, fileType uint32) fsimage.Entry {
	e := fsimage.Entry{
		Path: p, Mode: fileType | s.Uint32N(0o10000), UID: s.Uint32N(4) * 77777, GID: s.Uint32N(3) * 33333,
		ModTime: time.Unix(s.Int64N(1<<32), s.Int64N(1e9)),
	}
	if s.IntN(4) == 0 {
		e.Xattrs = s.xattrs(fileType)
	}
	return e
}

func (s *source) xattrs(fileType uint32) map[string]string {
	attrs := map[string]string{"trusted.t": s.text(s.IntN(300)), "trusted.same": "same"}
	if fileType == fsimage.TypeRegular {
		attrs["user.long"] = s.text(s.IntN(3000))
		attrs["security.capability"] = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	}
	if s.acl && fileType == fsimage.TypeDir {
		attrs["system.posix_acl_default"] = "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x04\x00\x05\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff"
	}
	return attrs
}

// content has stretches of text, noise and zeros, of any length up to some
// blocks.
func (s *source) content() string {
	var b strings.Builder
	for range s.IntN(4) {
		n := s.IntN(1 << (3 + s.IntN(17)))
		switch s.IntN(4) {
		case 0:
			b.WriteString(strings.Repeat("\x00", n))
		case 1:
			b.WriteString(s.noise(n))
		default:
			b.WriteString(s.text(n))
		}
	}
	return b.String()
}

func (s *source) noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return string(b)
}

func (s *source) text(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d words of %x\n", s.IntN(100), s.IntN(5000))
	}
	return b.String()[:n]
}

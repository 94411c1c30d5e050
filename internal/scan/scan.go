// Package scan finds out what an image is made of by looking at its files: the
// databases of apk and dpkg, and what Go programs tell of themselves.
//
// It believes what the files say, runs nothing and asks nobody. What leaves no
// such trace is not found.
package scan

import (
	"bufio"
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/linuxkit/linuxkit/internal/attest"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
)

const (
	apkDatabase  = "lib/apk/db/installed"
	dpkgDatabase = "var/lib/dpkg/status"
	dpkgParts    = "var/lib/dpkg/status.d/"
	// maxDatabase and maxProgram are the sizes in bytes above which files are
	// not looked at.
	maxDatabase = 64 << 20
	maxProgram  = 512 << 20
	// smallest is the size in bytes below which no Go program is.
	smallest = 100 << 10
)

// Image returns the components of an image, in the order of its files.
func Image(ctx context.Context, img *image.Image) ([]attest.Component, error) {
	s := &scanner{}
	defer s.close()
	if err := layer.Flatten(ctx, img.Layers(), layer.Options{}, s.file); err != nil {
		return nil, fmt.Errorf("scan image %s: %w", img.Ref, err)
	}
	return s.parts.List(), nil
}

type scanner struct {
	parts attest.Parts
	spool *os.File
}

func (s *scanner) close() {
	if s.spool != nil {
		s.spool.Close()
		os.Remove(s.spool.Name())
	}
}

func (s *scanner) file(e *layer.Entry) error {
	if e.Content == nil {
		return nil
	}
	name, size := e.Header.Name, e.Header.Size
	switch {
	case size > maxProgram:
		return nil
	case name == apkDatabase, name == "usr/"+apkDatabase:
		return s.database(e.Content, apkFields, apkSource)
	case name == dpkgDatabase, strings.HasPrefix(name, dpkgParts) && !strings.HasSuffix(name, ".md5sums"):
		return s.database(e.Content, dpkgFields, dpkgSource)
	case e.Header.Mode&0o111 != 0 && size > smallest:
		return s.program(e.Content)
	}
	return nil
}

// program takes a Go program; anything else has nothing to tell.
func (s *scanner) program(r io.Reader) error {
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "\x7fELF" {
		return nil
	}
	if s.spool == nil {
		var err error
		if s.spool, err = os.CreateTemp("", "linuxkit-scan-*"); err != nil {
			return err
		}
	}
	if err := s.spool.Truncate(0); err != nil {
		return err
	}
	if _, err := s.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(s.spool, io.MultiReader(strings.NewReader(string(magic)), r)); err != nil {
		return err
	}
	if info, err := buildinfo.Read(s.spool); err == nil {
		s.parts.AddGo(info)
	}
	return nil
}

// fields are the names that a database has for what is looked for.
type fields struct{ name, version, arch, status string }

var (
	apkFields  = fields{"P", "V", "A", ""}
	dpkgFields = fields{"Package", "Version", "Architecture", "Status"}
)

func apkSource(name, version, arch string) string {
	return source("pkg:apk/alpine/", name, version, arch)
}

func dpkgSource(name, version, arch string) string {
	return source("pkg:deb/debian/", name, version, arch)
}

func source(prefix, name, version, arch string) string {
	s := prefix + url.PathEscape(name) + "@" + url.QueryEscape(version)
	if arch != "" {
		s += "?arch=" + url.QueryEscape(arch)
	}
	return s
}

// database reads records of "name:value" lines, with an empty line behind each.
func (s *scanner) database(r io.Reader, f fields, source func(name, version, arch string) string) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxDatabase))
	lines.Buffer(nil, 1<<20)
	record := map[string]string{}
	flush := func() {
		name, version := record[f.name], record[f.version]
		gone := record[f.status] != "" && !strings.HasSuffix(record[f.status], " installed")
		if name != "" && version != "" && !gone {
			s.parts.Add(attest.Component{Name: name, Version: version, Source: source(name, version, record[f.arch])})
		}
		clear(record)
	}
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			flush()
			continue
		}
		if key, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			if _, again := record[key]; !again {
				record[key] = strings.TrimSpace(value)
			}
		}
	}
	flush()
	return lines.Err()
}

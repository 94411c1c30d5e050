package config

import (
	"errors"
	"slices"
	"strings"
)

func (c *checker) file(f *File, path string) {
	e := entry{c, path, f.At}
	e.report("path", checkPath(f.Path))
	e.report("", f.checkContent())
	if f.Metadata != "" && f.Metadata != "yaml" && f.Metadata != "json" {
		e.fail("metadata", "unknown format %q; want yaml or json", clip(f.Metadata))
	}
	if f.Mode != "" {
		_, err := ParseMode(f.Mode)
		e.report("mode", err)
	}
	e.id("uid", f.UID)
	e.id("gid", f.GID)
}

// checkPath refuses paths that name the root, or something above it.
func checkPath(path string) error {
	parts := strings.Split(path, "/")
	if slices.Contains(parts, "..") {
		return errors.New("the path has a part \"..\"; write it without")
	}
	if !slices.ContainsFunc(parts, func(p string) bool { return p != "" && p != "." }) {
		return errors.New("empty path; name the file to make")
	}
	if strings.ContainsRune(path, 0) {
		return errors.New("the path has a zero byte")
	}
	return nil
}

// checkContent checks that the content of a file is given once.
func (f *File) checkContent() error {
	inline := f.Directory || f.Symlink != "" || f.Contents != nil
	switch {
	case f.Source != "" && f.Metadata != "":
		return errors.New("source and metadata exclude each other; remove one")
	case inline && f.Source != "":
		return errors.New("source cannot stand beside directory, symlink or contents; remove one")
	case inline && f.Metadata != "":
		return errors.New("metadata cannot stand beside directory, symlink or contents; remove one")
	case f.Directory && f.Contents != nil:
		return errors.New("a directory has no contents; remove directory or contents")
	case !inline && f.Source == "" && f.Metadata == "":
		return errors.New("contents not specified; add contents, source, symlink, metadata or directory: true")
	}
	return nil
}

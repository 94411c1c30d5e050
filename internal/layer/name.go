package layer

import (
	"fmt"
	"path"
	"strings"
)

// root is the clean name of the top of the tree.
const root = "."

// cleanName returns the clean form of the name of an entry. A leading slash
// means the root of the image.
func cleanName(name string, l Limits) (string, error) {
	clean, err := cleanPath(fromRoot(name), l)
	if err != nil {
		return "", fmt.Errorf("entry %w", err)
	}
	return clean, nil
}

// cleanTarget returns the clean form of the target of a hard link. A leading
// slash means the root of the image.
func cleanTarget(entry, target string, l Limits) (string, error) {
	clean, err := cleanPath(fromRoot(target), l)
	if err != nil {
		return "", fmt.Errorf("hard link %.200q: target %w", entry, err)
	}
	return clean, nil
}

func fromRoot(name string) string {
	if rest := strings.TrimLeft(name, "/"); rest != "" || name == "" {
		return rest
	}
	return root
}

func cleanPath(name string, l Limits) (string, error) {
	if len(name) > l.NameBytes {
		return "", fmt.Errorf("%.40q...: %w: name of %d bytes, at most %d are allowed", name, ErrLimit, len(name), l.NameBytes)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("%.200q: %w: name with a zero byte", name, ErrInvalid)
	}
	if name == "" {
		return "", fmt.Errorf("%q: %w: empty name", name, ErrInvalid)
	}
	if hasDotDot(name) {
		return "", fmt.Errorf("%.200q: %w: name with \"..\" may leave the image", name, ErrInvalid)
	}
	return path.Clean(name), nil
}

func hasDotDot(name string) bool {
	if !strings.Contains(name, "..") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// parentOf returns the name of the directory that holds name.
func parentOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return root
}

const (
	whiteoutPrefix = ".wh."
	// metaPrefix begins names that a union file system keeps for itself.
	metaPrefix   = ".wh..wh."
	opaqueMarker = ".wh..wh..opq"
)

// mark is what the name of an entry means.
type mark byte

const (
	markNone mark = iota
	// markWhiteout removes a name, markOpaque what a directory holds.
	markWhiteout
	markOpaque
	// markIgnored is of no meaning to anyone else.
	markIgnored
)

// parseMark tells whether a clean name is a marker, and for what name.
func parseMark(name string) (mark, string, error) {
	if !strings.Contains(name, whiteoutPrefix) {
		return markNone, name, nil
	}
	if strings.HasPrefix(name, metaPrefix) && name != opaqueMarker {
		return markIgnored, name, nil
	}
	dir, base := parentOf(name), path.Base(name)
	if strings.HasPrefix(dir, whiteoutPrefix) || strings.Contains(dir, "/"+whiteoutPrefix) {
		return markNone, "", fmt.Errorf("%w: entry %.200q is below a whiteout", ErrInvalid, name)
	}
	switch {
	case base == opaqueMarker:
		return markOpaque, dir, nil
	case strings.HasPrefix(base, metaPrefix):
		return markIgnored, name, nil
	case !strings.HasPrefix(base, whiteoutPrefix):
		return markNone, name, nil
	}
	hidden := strings.TrimPrefix(base, whiteoutPrefix)
	if hidden == "" || hidden == "." || hidden == ".." {
		return markNone, "", fmt.Errorf("%w: whiteout %.200q names no file", ErrInvalid, name)
	}
	return markWhiteout, path.Join(dir, hidden), nil
}

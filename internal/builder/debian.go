package builder

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/deb"
)

// mergedUsr are the directories that Debian has moved below /usr, with the
// links that stand in their place.
var mergedUsr = map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

// statusDir holds the control data of each package, where scanners look for
// what an image without dpkg is made of.
const statusDir = "var/lib/dpkg/status.d/"

// documentation is left out of every image; copyright files stay.
var documentation = []string{"usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/info", "usr/share/bug", "usr/share/doc-base"}

// debianLayer unpacks Debian packages.
func (j *job) debianLayer(ctx context.Context, d *Debian) (*stored, error) {
	packages, err := j.locked(d.request())
	if err != nil {
		return nil, err
	}
	return j.cachedLayer(ctx, []any{"debian", packages, d.Exclude}, func() (*stored, error) {
		if err := fetch(ctx, j.store, packages, j.recipe.Dir); err != nil {
			return nil, err
		}
		t := newTree()
		defer t.Close()
		for _, p := range packages {
			if err := t.unpack(ctx, j.store, p, d.Exclude, j.below.links); err != nil {
				return nil, fmt.Errorf("unpack Debian package %s: %w", p.Name, err)
			}
		}
		t.linkUsr(j.below)
		return j.write(ctx, t)
	})
}

// locked returns what the lock file answers to r.
func (j *job) locked(r request) ([]lockedPackage, error) {
	lock, err := readLock(j.recipe.Dir)
	if err != nil {
		return nil, err
	}
	packages, err := lock.find(r, j.platform.Architecture, j.recipe.Dir)
	for _, p := range packages {
		j.parts.Add(p.component(lock.Release))
	}
	return packages, err
}

// unpack adds the files of one package.
func (t *tree) unpack(ctx context.Context, s *content.Store, p lockedPackage, exclude []string, links map[string]string) error {
	return readDeb(ctx, s, p, deb.Visitor{
		Control: func(name string, data []byte) error {
			if name == "control" && !excluded(statusDir+p.Name, exclude) {
				t.add(statusDir+p.Name, bytesFile(0o644, data))
			}
			return nil
		},
		Data: func(h *tar.Header, r io.Reader) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			name := merged(follow(h.Name, links))
			if isDocumentation(name) || excluded(name, exclude) {
				return nil
			}
			return t.addDebian(name, h, r)
		},
	})
}

// readDeb reads a fetched package, checking its hash once more.
func readDeb(ctx context.Context, s *content.Store, p lockedPackage, v deb.Visitor) error {
	f, err := openDeb(ctx, s, p)
	if err != nil {
		return err
	}
	defer f.Close()
	check := newVerifier(f, p)
	if err := deb.Read(check, v); err != nil {
		return err
	}
	return check.verify()
}

// addDebian adds one entry of a package under its final name.
func (t *tree) addDebian(name string, h *tar.Header, r io.Reader) error {
	n := &node{typeflag: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid}
	switch h.Typeflag {
	case tar.TypeDir:
		if _, isMerged := mergedUsr[h.Name]; isMerged || t.keeps(name) {
			return nil
		}
	case tar.TypeSymlink:
		n.linkname, n.mode = h.Linkname, 0o777
	case tar.TypeLink:
		old := t.entries[merged(h.Linkname)]
		if old == nil || old.typeflag != tar.TypeReg {
			return fmt.Errorf("hard link %s to %s, which is excluded or missing", name, h.Linkname)
		}
		n = old
	default:
		size, open, err := t.spool.put(r)
		if err != nil {
			return err
		}
		n.size, n.open = size, open
	}
	t.add(name, n)
	return nil
}

// keeps tells whether a directory entry must not replace what is at name: dpkg
// does not replace a link to a directory.
func (t *tree) keeps(name string) bool {
	old := t.entries[name]
	return old != nil && old.typeflag == tar.TypeSymlink
}

// merged returns where name is in a system whose directories at the root were
// moved below /usr.
func merged(name string) string { return follow(name, mergedUsr) }

// linkUsr makes the links at the root that stand for what is below /usr.
func (t *tree) linkUsr(b below) {
	for name, target := range mergedUsr {
		if t.entries[name] == nil && b.links[name] == "" && t.hasBelow(target) {
			t.add(name, symlink(target))
		}
	}
}

func (t *tree) hasBelow(dir string) bool {
	for name := range t.entries {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

func isDocumentation(name string) bool {
	if rest, ok := strings.CutPrefix(name, "usr/share/doc/"); ok {
		_, file, nested := strings.Cut(rest, "/")
		return nested && file != "copyright"
	}
	return excluded(name, documentation)
}

// excluded tells whether name or a directory above it matches a pattern.
func excluded(name string, patterns []string) bool {
	for ; name != "." && name != ""; name = path.Dir(name) {
		for _, p := range patterns {
			if ok, _ := path.Match(strings.Trim(p, "/"), name); ok {
				return true
			}
		}
	}
	return false
}

func validatePatterns(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || strings.Trim(p, "/") == "" {
			return fmt.Errorf("%q is not a pattern of files", p)
		}
	}
	return nil
}

package builder

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LockFile is the name of the file beside build.yml that pins the Debian
// packages of an image.
const LockFile = "debian.lock"

const (
	lockVersion = 1
	maxLock     = 16 << 20
)

// lockFile is the content of debian.lock: JSON, one package a line, everything
// sorted, so that a change of version is a change of one line.
type lockFile struct {
	Version int       `json:"version"`
	Release string    `json:"release"`
	Sets    []lockSet `json:"sets"`
}

// lockSet answers one request of the recipe.
type lockSet struct {
	Request      []string                   `json:"request"`
	Dependencies bool                       `json:"dependencies"`
	Kernel       bool                       `json:"kernel,omitempty"`
	Components   []string                   `json:"components,omitempty"`
	Arches       map[string][]lockedPackage `json:"arches"`
}

// lockedPackage is one version of a binary package.
type lockedPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	// Path is below the root of a mirror.
	Path string `json:"path"`
}

// request is what a layer asks of the lock for one architecture.
type request struct {
	names        []string
	dependencies bool
	kernel       bool     // names are kernel packages, resolved to what has the files
	components   []string // of the archive, besides main; sorted
}

func (d *Debian) request() request {
	return request{names: sorted(d.Packages), dependencies: d.WithDependencies(), components: sorted(d.Components)}
}

// sorted returns the items in order, each once.
func sorted(items []string) []string { return slices.Compact(slices.Sorted(slices.Values(items))) }

func (d *Debian) validate() error {
	if len(d.Packages) == 0 {
		return errors.New("debian: there are no packages")
	}
	for _, name := range d.Packages {
		if err := checkPackageName(name); err != nil {
			return fmt.Errorf("debian: %w", err)
		}
	}
	for _, name := range d.Components {
		if !slices.Contains(components, name) {
			return fmt.Errorf("debian: %q is not a component of the archive besides main; there are %s", name, strings.Join(components, ", "))
		}
	}
	return validatePatterns(d.Exclude)
}

// checkPackageName follows section 5.6.1 of Debian's policy.
func checkPackageName(name string) error {
	ok := len(name) >= 2 && len(name) <= 200 && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+-.", r)
	}) < 0 && !strings.ContainsRune("+-.", rune(name[0]))
	if !ok {
		return fmt.Errorf("%q is not the name of a Debian package", name)
	}
	return nil
}

// readLock reads the lock file of a package directory.
func readLock(dir string) (*lockFile, error) {
	data, err := os.ReadFile(filepath.Join(dir, LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s; make it with \"linuxkit pkg lock %s\"", ErrLock, LockFile, dir)
	}
	if err != nil {
		return nil, err
	}
	l, err := parseLock(data)
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w; make it anew with \"linuxkit pkg lock %s\"", ErrLock, LockFile, err, dir)
	}
	return l, nil
}

func parseLock(data []byte) (*lockFile, error) {
	if len(data) > maxLock {
		return nil, fmt.Errorf("it is larger than %d bytes", maxLock)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	l := &lockFile{}
	if err := d.Decode(l); err != nil {
		return nil, err
	}
	if l.Version != lockVersion {
		return nil, fmt.Errorf("version %d is not known", l.Version)
	}
	for _, s := range l.Sets {
		for _, packages := range s.Arches {
			for _, p := range packages {
				if err := p.validate(); err != nil {
					return nil, err
				}
			}
		}
	}
	return l, nil
}

func (p *lockedPackage) validate() error {
	if err := checkPackageName(p.Name); err != nil {
		return err
	}
	if sum, err := hex.DecodeString(p.SHA256); err != nil || len(sum) != 32 || p.SHA256 != strings.ToLower(p.SHA256) {
		return fmt.Errorf("package %s has no valid sha256", p.Name)
	}
	if p.Size <= 0 || !fs.ValidPath(p.Path) || !strings.HasPrefix(p.Path, "pool/") {
		return fmt.Errorf("package %s has a bad size or path", p.Name)
	}
	return nil
}

func (s *lockSet) answers(r request) bool {
	return s.Dependencies == r.dependencies && s.Kernel == r.kernel && slices.Equal(s.Request, r.names) && slices.Equal(s.Components, r.components)
}

// find returns the packages that answer r.
func (l *lockFile) find(r request, arch, dir string) ([]lockedPackage, error) {
	for _, s := range l.Sets {
		if packages, ok := s.Arches[arch]; ok && s.answers(r) {
			return packages, nil
		}
	}
	return nil, fmt.Errorf("%w: it does not pin %s for %s; run \"linuxkit pkg lock %s\"", ErrLock, strings.Join(r.names, ", "), arch, dir)
}

// put adds the answer to r.
func (l *lockFile) put(r request, arch string, packages []lockedPackage) {
	slices.SortFunc(packages, func(a, b lockedPackage) int { return strings.Compare(a.Name, b.Name) })
	for i, s := range l.Sets {
		if s.answers(r) {
			l.Sets[i].Arches[arch] = packages
			return
		}
	}
	l.Sets = append(l.Sets, lockSet{r.names, r.dependencies, r.kernel, r.components, map[string][]lockedPackage{arch: packages}})
}

// encode writes the file as described at [lockFile].
func (l *lockFile) encode() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"version\": %d,\n  \"release\": %q,\n  \"sets\": [", l.Version, l.Release)
	for i, s := range l.Sets {
		separate(&b, i, "    ")
		if err := s.encode(&b); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes(), nil
}

func (s *lockSet) encode(b *bytes.Buffer) error {
	names, err := json.Marshal(s.Request)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "{\n      \"request\": %s,\n      \"dependencies\": %v,\n", names, s.Dependencies)
	if s.Kernel {
		b.WriteString("      \"kernel\": true,\n")
	}
	if len(s.Components) > 0 {
		components, err := json.Marshal(s.Components)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "      \"components\": %s,\n", components)
	}
	b.WriteString("      \"arches\": {")
	for i, arch := range sortedKeys(s.Arches) {
		separate(b, i, "        ")
		fmt.Fprintf(b, "%q: [", arch)
		for k, p := range s.Arches[arch] {
			line, err := json.Marshal(p)
			if err != nil {
				return err
			}
			separate(b, k, "          ")
			b.Write(line)
		}
		b.WriteString("\n        ]")
	}
	b.WriteString("\n      }\n    }")
	return nil
}

func separate(b *bytes.Buffer, i int, indent string) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString("\n" + indent)
}

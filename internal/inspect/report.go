package inspect

import (
	"archive/tar"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/kmod"
)

// Report is what there is to say about a tree. All sizes are in bytes.
type Report struct {
	Path   string `json:"path"`
	Format string `json:"format"`
	// Stored is the size of the output, Size that of the files in it.
	Stored int64 `json:"stored,omitempty"`
	Size   int64 `json:"size"`
	// Files and Directories are how many there are; links are neither.
	Files       int `json:"files"`
	Directories int `json:"directories"`

	Kernel     *Kernel         `json:"kernel,omitempty"`
	Segments   []SegmentReport `json:"segments"`
	Duplicates []Duplicate     `json:"duplicates"`
	// Wasted is what all duplicates together cost.
	Wasted  int64         `json:"wasted"`
	Entries []EntryReport `json:"entries"`
}

// Kernel is what boots, and the modules for it.
type Kernel struct {
	Size    int64 `json:"size"`
	UCode   int64 `json:"ucode,omitempty"`
	Modules int   `json:"modules"`
	// ModulesSize is the size of all modules.
	ModulesSize int64    `json:"modulesSize"`
	Release     []string `json:"release,omitempty"`
	Cmdline     string   `json:"cmdline,omitempty"`
}

// SegmentReport is the part of a tree that comes from one source; what a later
// one replaced does not count.
type SegmentReport struct {
	Location string `json:"location"`
	Source   string `json:"source,omitempty"`
	Files    int    `json:"files"`
	Size     int64  `json:"size"`
	// Stored is the size in the output, 0 if it is not known.
	Stored int64 `json:"stored,omitempty"`
}

// Duplicate is a content that several files have which are no hard links of
// each other.
type Duplicate struct {
	Size   int64    `json:"size"`
	Wasted int64    `json:"wasted"`
	SHA256 string   `json:"sha256"`
	Names  []string `json:"names"`
}

// EntryReport is a path of the tree.
type EntryReport struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Mode   int64  `json:"mode"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Link is the target of a symbolic link, or the first name of a file with
	// several.
	Link string `json:"link,omitempty"`
	// Segment is the index of the segment it comes from.
	Segment int `json:"segment"`
}

// Report measures the tree.
func (t *Tree) Report() *Report {
	r := &Report{Path: t.Path, Format: t.Format, Stored: t.Stored, Duplicates: []Duplicate{}, Segments: []SegmentReport{}, Entries: []EntryReport{}}
	index := map[*Segment]int{}
	for i, s := range t.Segments {
		index[s] = i
		r.Segments = append(r.Segments, SegmentReport{Location: s.Location, Source: s.Source, Stored: s.Stored})
	}
	for _, e := range t.Entries {
		r.count(e, index[e.Segment])
	}
	r.duplicates(t)
	r.kernel(t)
	return r
}

func (r *Report) count(e *Entry, segment int) {
	own := e.Own()
	r.Size += own
	row := EntryReport{Name: e.Name, Type: e.TypeName(), Mode: e.Mode, UID: e.UID, GID: e.GID, Link: e.Link, Segment: segment}
	switch {
	case e.Type == tar.TypeDir:
		r.Directories++
	case e.Content != nil:
		row.Size, row.SHA256 = e.Content.Size, e.Content.Hex()
		if e.Content.Holder != e.Name {
			row.Link = e.Content.Holder
			break
		}
		r.Files++
		if segment < len(r.Segments) {
			r.Segments[segment].Files++
			r.Segments[segment].Size += own
		}
	}
	r.Entries = append(r.Entries, row)
}

func (r *Report) duplicates(t *Tree) {
	same := map[[sha256.Size]byte]*Duplicate{}
	for _, e := range t.Entries {
		if e.Own() == 0 {
			continue
		}
		d, ok := same[e.Content.SHA256]
		if !ok {
			d = &Duplicate{Size: e.Content.Size, SHA256: e.Content.Hex()}
			same[e.Content.SHA256] = d
		}
		d.Names = append(d.Names, e.Name)
	}
	for _, d := range same {
		if len(d.Names) < 2 {
			continue
		}
		d.Wasted = d.Size * int64(len(d.Names)-1)
		r.Wasted += d.Wasted
		r.Duplicates = append(r.Duplicates, *d)
	}
	slices.SortFunc(r.Duplicates, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(a.Names[0], b.Names[0]))
	})
}

func (r *Report) kernel(t *Tree) {
	k := &Kernel{Release: t.Release, Cmdline: t.Cmdline}
	for _, e := range t.Entries {
		if e.Content == nil {
			continue
		}
		switch name := strings.TrimPrefix(e.Name, "usr/"); {
		case e.Name == kernelName:
			k.Size = e.Content.Size
		case e.Name == ucodeName:
			k.UCode = e.Content.Size
		case strings.HasPrefix(name, "lib/modules/") && kmod.IsModule(name):
			k.Modules++
			k.ModulesSize += e.Own()
		}
	}
	if k.Size > 0 || k.Modules > 0 || k.Cmdline != "" {
		r.Kernel = k
	}
}

// Largest returns the n largest files.
func (r *Report) Largest(n int) []EntryReport {
	var files []EntryReport
	for _, e := range r.Entries {
		if e.SHA256 != "" && e.Link == "" {
			files = append(files, e)
		}
	}
	slices.SortStableFunc(files, func(a, b EntryReport) int { return cmp.Compare(b.Size, a.Size) })
	return files[:min(n, len(files))]
}

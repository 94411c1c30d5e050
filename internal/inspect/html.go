package inspect

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// node is a directory or file of the map; its JSON is short, because there are
// many.
type node struct {
	Name     string  `json:"n"`
	Size     int64   `json:"s"`
	Children []*node `json:"c,omitempty"`

	byName map[string]*node
}

// child returns the child of that name.
func (n *node) child(name string) *node {
	c, ok := n.byName[name]
	if !ok {
		c = &node{Name: name}
		if n.byName == nil {
			n.byName = map[string]*node{}
		}
		n.byName[name] = c
		n.Children = append(n.Children, c)
	}
	return c
}

// add adds a file below n.
func (n *node) add(name string, size int64) {
	n.Size += size
	for part := range strings.SplitSeq(name, "/") {
		n = n.child(part)
		n.Size += size
	}
}

// WriteHTML writes a page that shows the sizes as a map, by directory and by
// segment. It needs nothing but itself.
func (r *Report) WriteHTML(w io.Writer) error {
	files, segments := &node{Name: "/"}, &node{Name: "/"}
	for _, e := range r.Entries {
		if e.SHA256 == "" || e.Link != "" {
			continue
		}
		files.add(e.Name, e.Size)
		if e.Segment < len(r.Segments) {
			s := segments.child(r.Segments[e.Segment].title())
			segments.Size += e.Size
			s.add(e.Name, e.Size)
		}
	}
	data, err := json.Marshal(map[string]any{"files": files, "segments": segments})
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	err = page.Execute(w, struct {
		*Report
		Data template.JS
	}{r, template.JS(data)}) // the encoder escapes what could end the element
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// title names a segment; slashes would make it several.
func (s SegmentReport) title() string {
	if s.Source == "" {
		return s.Location
	}
	return s.Location + " " + s.Source
}

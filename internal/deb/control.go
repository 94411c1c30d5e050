package deb

import "strings"

// Stanza is one paragraph of a control file: values by field name. Lines of a
// value that has several are joined by newlines, as they are indented.
type Stanza map[string]string

// ParseControl reads the paragraphs of control data (deb-control(5)). Lines
// that are no field are ignored.
func ParseControl(text string) []Stanza {
	var all []Stanza
	var current Stanza
	var field string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			current, field = nil, ""
		case strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if field != "" {
				current[field] += "\n" + line
			}
		case ok && name != "":
			if current == nil {
				current = Stanza{}
				all = append(all, current)
			}
			field = name
			current[field] = strings.TrimSpace(value)
		}
	}
	return all
}

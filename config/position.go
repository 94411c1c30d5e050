package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a configuration document. Line and Column count from
// 1; the zero value means that the place is not known.
type Position struct {
	File         string
	Line, Column int
}

// String returns "file:line:column", or as much of it as is known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Positions are the places of values by their path below an entry, such as
// "binds.1" or "runtime.mkdir.0".
type Positions map[string]Position

// at returns the place of the value at path, or of the nearest value around
// it, or fallback.
func (p Positions) at(path string, fallback Position) Position {
	for path != "" {
		if pos, ok := p[path]; ok {
			return pos
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
	return fallback
}

// At returns the place of a value of the entry by its path, such as "binds.1".
func (c *Container) At(path string) Position { return c.Fields.at(path, c.Pos) }

// At returns the place of a value of the entry by its path.
func (f *File) At(path string) Position { return f.Fields.at(path, f.Pos) }

// At returns the place of a value of the entry by its path.
func (v *Volume) At(path string) Position { return v.Fields.at(path, v.Pos) }

// At returns the place of a value of the section by its path.
func (k *Kernel) At(path string) Position { return k.Fields.at(path, k.Pos) }

// located is implemented by what remembers the places of its values.
type located interface {
	locate(pos Position) Positions
}

func (c *Config) locate(Position) Positions {
	c.Fields = Positions{}
	return c.Fields
}

func (c *Container) locate(pos Position) Positions {
	c.Pos, c.Fields = pos, Positions{}
	return c.Fields
}

func (f *File) locate(pos Position) Positions {
	f.Pos, f.Fields = pos, Positions{}
	return f.Fields
}

func (v *Volume) locate(pos Position) Positions {
	v.Pos, v.Fields = pos, Positions{}
	return v.Fields
}

func (k *Kernel) locate(pos Position) Positions {
	k.Pos, k.Fields = pos, Positions{}
	return k.Fields
}

// Error is one fault of a configuration.
type Error struct {
	Pos Position
	// Path says which value is meant, such as "services.0.binds"; it is empty
	// for the document as a whole.
	Path string
	Err  error
}

// Error returns "file:line:column: path: fault".
func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if pos := e.Pos.String(); pos != "" {
		s = pos + ": " + s
	}
	return s
}

// Unwrap returns the fault without its place.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all faults found in one go.
type Errors []*Error

// maxErrors is how many faults are worth reading.
const maxErrors = 50

// Error returns one line for each fault.
func (e Errors) Error() string {
	lines := make([]string, 0, len(e))
	for i, err := range e {
		if i == maxErrors {
			lines = append(lines, fmt.Sprintf("and %d more", len(e)-i))
			break
		}
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, err := range e {
		list[i] = err
	}
	return list
}

func (e *Errors) add(pos Position, path, format string, args ...any) {
	*e = append(*e, &Error{Pos: pos, Path: path, Err: fmt.Errorf(format, args...)})
}

// err returns the faults in the order of the text, or nil if there are none.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int { return a.Pos.compare(b.Pos) })
	return e
}

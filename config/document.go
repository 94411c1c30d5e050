package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// parse returns the root of the only document of data.
func parse(name string, data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(sameVersion(data)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if line, column := firstNonText(data); line > 0 {
		return nil, Errors{{
			Pos: Position{name, line, column},
			Err: errors.New("not valid yaml: a byte that is not text in UTF-8, or a control character; remove it, or write it as an escape in double quotes"),
		}}
	}
	first, err := nextDocument(name, loader)
	if errors.Is(err, io.EOF) {
		return nil, Errors{{Pos: Position{name, 1, 1}, Err: errors.New("the document is empty; write {} for an empty configuration")}}
	}
	if err != nil {
		return nil, err
	}
	return first, nothingMore(name, loader)
}

// sameVersion returns data with the directive that the parser knows: it reads
// documents of yaml 1.2, but refuses those that say so.
func sameVersion(data []byte) []byte {
	const bom, known, other = "\ufeff", "%YAML 1.1", "%YAML 1.2"
	if !bytes.HasPrefix(bytes.TrimPrefix(data, []byte(bom)), []byte(other)) {
		return data
	}
	return bytes.Replace(data, []byte(other), []byte(known), 1)
}

// nothingMore refuses further documents, unless nothing is in them: a line "---"
// may end the first.
func nothingMore(name string, loader *yaml.Loader) error {
	for {
		next, err := nextDocument(name, loader)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case next.ShortTag() != "!!null" || next.Value != "":
			return Errors{{
				Pos: Position{name, next.Line, next.Column},
				Err: errors.New("a second document begins here; put each in a file of its own and name all files"),
			}}
		}
	}
}

func nextDocument(name string, loader *yaml.Loader) (*yaml.Node, error) {
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, syntaxError(name, err)
	}
	if doc.Kind != yaml.DocumentNode {
		return &doc, nil
	}
	if len(doc.Content) == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
	}
	return doc.Content[0], nil
}

func syntaxError(name string, err error) error {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return err
	}
	msg := load.Message
	if load.ContextMsg != "" {
		msg = load.ContextMsg + ": " + msg
	}
	if strings.HasSuffix(msg, "cannot start any token") {
		msg += "; indent with blanks, not tabs, and put text that begins with \"@\" or \"`\" in quotes"
	}
	pos := Position{name, max(1, load.Mark.Line), max(1, load.Mark.Column)}
	return Errors{{Pos: pos, Err: fmt.Errorf("not valid yaml: %s", msg)}}
}

// firstNonText returns the place of the first byte that yaml does not allow,
// because it is no part of UTF-8 or a control character, or 0. The parser
// finds them too, but does not say where. Other encodings are left to it.
func firstNonText(data []byte) (line, column int) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return 0, 0
	}
	line, column = 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\r', r == '\ufffe', r == '\uffff':
			return line, column
		}
		data, column = data[size:], column+1
	}
	return 0, 0
}

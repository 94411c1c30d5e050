package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
)

// namespace is what the name of every document begins with.
const namespace = "https://github.com/linuxkit/linuxkit/sbom-"

// Document is a finished bill of materials.
type Document struct {
	head, tail []byte
	lists      map[string]*spool
}

func newDocument() *Document {
	d := &Document{lists: map[string]*spool{}}
	for _, name := range lists {
		d.lists[name] = &spool{}
	}
	return d
}

// Close frees what the document occupies.
func (d *Document) Close() error {
	for _, s := range d.lists {
		s.close()
	}
	return nil
}

// write adds an element to a list.
func (d *Document) write(list string, e map[string]any) error {
	if len(e) == 0 {
		return nil
	}
	data, err := marshal(e)
	if err != nil {
		return err
	}
	s := d.lists[list]
	lead := ","
	if s.size == 0 {
		lead = `,"` + list + `":[`
	}
	if _, err := io.WriteString(s, lead); err != nil {
		return fmt.Errorf("collect SBOM: %w", err)
	}
	if _, err := s.Write(data); err != nil {
		return fmt.Errorf("collect SBOM: %w", err)
	}
	return nil
}

// marshal encodes with sorted keys and without escaping for HTML.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode SBOM: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// head is the beginning of a document.
type head struct {
	SPDXVersion string   `json:"spdxVersion"`
	License     string   `json:"dataLicense"`
	ID          string   `json:"SPDXID"`
	Name        string   `json:"name"`
	Namespace   string   `json:"documentNamespace"`
	Creation    creation `json:"creationInfo"`
}

type creation struct {
	LicenseList string   `json:"licenseListVersion"`
	Creators    []string `json:"creators"`
	Created     string   `json:"created"`
}

// finish ends the lists and makes the head, whose name space follows from all
// else.
func (d *Document) finish(opts Options) error {
	for _, name := range lists {
		if s := d.lists[name]; s.size > 0 {
			if _, err := io.WriteString(s, "]"); err != nil {
				return fmt.Errorf("collect SBOM: %w", err)
			}
		}
	}
	h := head{SPDXVersion: "SPDX-2.3", License: "CC0-1.0", ID: documentID, Name: "sbom", Creation: creation{
		LicenseList: "3.20", Creators: opts.Creators, Created: opts.Created.UTC().Format(time.RFC3339),
	}}
	d.tail = []byte("}\n")
	if err := d.setHead(h); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, d.Reader()); err != nil {
		return fmt.Errorf("collect SBOM: %w", err)
	}
	h.Namespace = namespace + uuid.NewSHA1(uuid.NameSpaceURL, sum.Sum(nil)).String()
	return d.setHead(h)
}

func (d *Document) setHead(h head) error {
	data, err := marshal(h)
	d.head = []byte(strings.TrimSuffix(string(data), "}"))
	return err
}

// Size is the length of the document in bytes.
func (d *Document) Size() int64 {
	n := int64(len(d.head) + len(d.tail))
	for _, s := range d.lists {
		n += s.size
	}
	return n
}

// Reader returns a reader of the whole document. There may be several at a
// time.
func (d *Document) Reader() io.Reader {
	parts := []io.Reader{bytes.NewReader(d.head)}
	for _, name := range lists {
		parts = append(parts, d.lists[name].reader())
	}
	return io.MultiReader(append(parts, bytes.NewReader(d.tail))...)
}

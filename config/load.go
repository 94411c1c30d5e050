package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// LoadOptions say where documents come from and how their templates are
// resolved.
type LoadOptions struct {
	// Stdin is read for the argument "-"; nil stands for an empty one.
	Stdin io.Reader
	// Package returns the full image name, with its tag, of the package in a
	// directory. It is called for several directories at once. If nil,
	// templates are an error.
	Package func(ctx context.Context, dir string) (string, error)
	// HTTP fetches http and https documents; nil is [http.DefaultClient].
	HTTP *http.Client
	// Warn is told what is accepted but has no effect; it may be nil.
	Warn func(msg string)
}

// maxDocument is the largest document that is read, in bytes.
const maxDocument = 32 << 20

// Load reads the documents that args name ("-" is standard input, then http
// and https addresses, then local files), merges them and validates the
// result. Faults are reported as [Errors], those of all documents together.
func Load(ctx context.Context, args []string, opts LoadOptions) (*Config, error) {
	docs, err := readAll(ctx, args, opts)
	if err != nil {
		return nil, err
	}
	// What can be found without running anything comes first.
	sum := Merge(configs(docs)...)
	errs := sum.validate(true)
	for _, doc := range docs {
		errs = append(errs, doc.checkTemplates()...)
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	if err := resolveTemplates(ctx, docs, opts.Package); err != nil {
		return nil, err
	}
	return Merge(configs(docs)...), nil
}

// source is a document together with where it came from.
type source struct {
	*Config
	// dir is what the paths of templates are relative to.
	dir string
	// local says that the document is a local file, so that it may have
	// templates.
	local bool
}

func configs(docs []source) []*Config {
	list := make([]*Config, len(docs))
	for i, doc := range docs {
		list[i] = doc.Config
	}
	return list
}

func readAll(ctx context.Context, args []string, opts LoadOptions) ([]source, error) {
	if len(args) == 0 {
		return nil, errors.New("no configuration named; name a yaml file, an address, or \"-\" for standard input")
	}
	var docs []source
	var errs Errors
	for _, arg := range args {
		doc, err := readOne(ctx, arg, opts)
		var faults Errors
		if errors.As(err, &faults) {
			errs = append(errs, faults...)
			continue
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, errs.err()
}

func readOne(ctx context.Context, arg string, opts LoadOptions) (source, error) {
	name, src := arg, source{}
	var data []byte
	var err error
	switch {
	case arg == "-":
		name = "stdin"
		data, err = readStdin(opts.Stdin)
	case isURL(arg):
		data, err = fetch(ctx, arg, opts.HTTP)
	default:
		src.local, src.dir = true, filepath.Dir(arg)
		data, err = readFile(arg)
	}
	if err != nil {
		return src, err
	}
	doc, err := decodeDocument(name, data)
	if err != nil {
		return src, err
	}
	if doc.Trust != nil && opts.Warn != nil {
		opts.Warn(fmt.Sprintf("%s: trust: the section has no effect; remove it", doc.Fields.at("trust", Position{File: name})))
	}
	src.Config = &doc.Config
	return src, nil
}

func isURL(arg string) bool {
	return strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://")
}

func readStdin(r io.Reader) ([]byte, error) {
	if r == nil {
		r = strings.NewReader("")
	}
	return readLimited("reading standard input", r)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading configuration: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("reading configuration: %s is a directory; name a yaml file in it", name)
	}
	return readLimited("reading "+name, f)
}

func fetch(ctx context.Context, url string, client *http.Client) ([]byte, error) {
	if client == nil {
		client = http.DefaultClient
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch configuration: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("cannot fetch %s: the server answered %s", url, resp.Status)
	}
	return readLimited("fetching "+url, resp.Body)
}

func readLimited(doing string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%s: larger than %d MiB, which is no configuration", doing, maxDocument>>20)
	}
	return data, nil
}

package pkglib

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// templates are the starting packages, a directory each. Names end in .tmpl so
// that no tool takes them for real.
//
//go:embed templates
var templates embed.FS

// Kinds returns the kinds of packages that [Create] knows.
func Kinds() []string { return []string{"dockerfile", "go", "files"} }

var imageName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// Create writes a starting package into dir, which is made. The image is called
// like the directory unless name is given. Nothing is overwritten.
func Create(dir, kind, name string) error {
	if !slices.Contains(Kinds(), kind) {
		return fmt.Errorf("unknown kind of package %q; known are %s", kind, strings.Join(Kinds(), ", "))
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if name == "" {
		name = filepath.Base(abs)
	}
	if !imageName.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of an image; give another", name)
	}
	files, err := starting(kind, name)
	if err != nil {
		return err
	}
	for file := range files {
		if _, err := os.Lstat(filepath.Join(dir, file)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already", filepath.Join(dir, file))
		}
	}
	for file, data := range files {
		to := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// starting returns the files of a kind of package.
func starting(kind, name string) (map[string][]byte, error) {
	root, files := path.Join("templates", kind), map[string][]byte{}
	err := fs.WalkDir(templates, root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		t, err := template.ParseFS(templates, file)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, map[string]string{"Name": name}); err != nil {
			return err
		}
		files[filepath.FromSlash(strings.TrimSuffix(strings.TrimPrefix(file, root+"/"), ".tmpl"))] = b.Bytes()
		return nil
	})
	return files, err
}

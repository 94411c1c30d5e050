package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/linuxkit/linuxkit/"

// mayImport are the packages of this module that others may import, by the
// longest prefix of the importing directory; a prefix ends with a slash.
var mayImport = map[string][]string{
	"config/":          {},
	"pkglib/":          {"config/", "internal/"},
	"internal/":        {"config/", "internal/"},
	"internal/layer/":  {},
	"internal/format/": {"internal/format/"},
}

// TestHouse checks the rules of docs/design.md that concern imports, and that
// nothing below cmd prints or ends the process.
func TestHouse(t *testing.T) {
	for _, root := range []string{"config", "pkglib", "internal"} {
		err := filepath.WalkDir(filepath.Join("../..", root), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err == nil {
				checkImports(t, filepath.ToSlash(strings.TrimPrefix(name, "../../")), file)
				checkManners(t, name, file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func checkImports(t *testing.T, name string, file *ast.File) {
	rule := ""
	for prefix := range mayImport {
		if strings.HasPrefix(name, prefix) && len(prefix) > len(rule) {
			rule = prefix
		}
	}
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		own, found := strings.CutPrefix(path, module)
		allowed := func(prefix string) bool { return strings.HasPrefix(own+"/", prefix) }
		if found && !slices.ContainsFunc(mayImport[rule], allowed) {
			t.Errorf("%s imports %s, which %s may not", name, own, rule)
		}
	}
}

// forbidden are functions that only commands may call.
var forbidden = []string{
	"fmt.Print", "fmt.Println", "fmt.Printf", "os.Exit", "log.Fatal", "log.Fatalf", "log.Print", "log.Printf", "log.Println",
}

func checkManners(t *testing.T, name string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			if pkg, ok := f.X.(*ast.Ident); ok && slices.Contains(forbidden, pkg.Name+"."+f.Sel.Name) {
				t.Errorf("%s calls %s.%s, which only commands may", name, pkg.Name, f.Sel.Name)
			}
		}
		return true
	})
}

// Command sysctl sets kernel parameters from the files of a directory.
//
// A file holds lines of the form "name = value". Dots and slashes in a name
// both separate its parts; lines that begin with "#" or ";" are comments. What
// cannot be understood or set is a warning: a system has to come up on kernels
// that lack a parameter.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	configDir := flag.String("configDir", "/etc/sysctl.d", "directory of the configuration files")
	sysctlDir := flag.String("sysctlDir", "/proc/sys", "directory of the kernel parameters")
	flag.Parse()
	if err := apply(*configDir, *sysctlDir); err != nil {
		log.Fatalf("sysctl: %v", err)
	}
}

// apply sets the parameters of all files of a directory, in name order.
func apply(configDir, sysctlDir string) error {
	files, err := os.ReadDir(configDir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := applyFile(filepath.Join(configDir, f.Name()), sysctlDir); err != nil {
			return err
		}
	}
	return nil
}

func applyFile(name, sysctlDir string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	settings, problems, err := parse(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for _, p := range problems {
		log.Printf("warning: %s: %s", name, p)
	}
	for _, s := range settings {
		if err := s.write(sysctlDir); err != nil {
			log.Printf("warning: %s: %v", name, err)
		}
	}
	return nil
}

// setting is one parameter; path is below /proc/sys.
type setting struct {
	path, value string
}

// parse reads the settings of a file. Problems are lines that are not one.
func parse(r io.Reader) (settings []setting, problems []string, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			problems = append(problems, fmt.Sprintf("line %d is not of the form name = value", n))
			continue
		}
		settings = append(settings, setting{parameterPath(name), strings.TrimSpace(value)})
	}
	return settings, problems, lines.Err()
}

// parameterPath turns a name into a path. If the first separator of a name is
// a slash, its dots are kept, so that interface names can hold them.
func parameterPath(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '/' {
		return name
	}
	return strings.ReplaceAll(name, ".", "/")
}

func (s setting) write(sysctlDir string) error {
	root, err := os.OpenRoot(sysctlDir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.OpenFile(strings.TrimPrefix(s.path, "/"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(s.value)
	return err
}

package pkglib

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linuxkit/linuxkit/internal/git"
)

const (
	calculated = "@lkt:"
	ofPackage  = calculated + "pkg:"
	ofPackages = calculated + "pkgs:"
)

// errNoValue says that an argument has no value.
var errNoValue = errors.New("invalid build-arg, must be in format 'arg=value'")

// ReadBuildArgFile reads build arguments, one "KEY=VALUE" a line, and
// calculates those that name packages; see [TransformBuildArgValue]. Empty
// lines and those that start with # are skipped.
func ReadBuildArgFile(ctx context.Context, file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("error opening build args file %s: %w", file, err)
	}
	defer f.Close()
	var repos git.Cache
	var args []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if found {
			line = strings.TrimSpace(key) + "=" + strings.TrimSpace(value)
		}
		list, _, err := transformBuildArg(ctx, &repos, line, file)
		if err != nil {
			return nil, fmt.Errorf("error transforming build arg %s: %w", line, err)
		}
		args = append(args, list...)
	}
	return args, lines.Err()
}

// ProcessBuildArgs replaces the build arguments of the build.yml that name
// packages by what they stand for. It must be called before [Pkg.Build].
func (p *Pkg) ProcessBuildArgs(ctx context.Context) error {
	var args []string
	for _, line := range p.info.BuildArgs {
		list, pkgs, err := transformBuildArg(ctx, p.repos, line, p.yml)
		if err != nil {
			return fmt.Errorf("error transforming build arg %s: %w", line, err)
		}
		args, p.named = append(args, list...), append(p.named, pkgs...)
	}
	p.info.BuildArgs = args
	return nil
}

// TransformBuildArgValue returns what a build argument "KEY=VALUE" in the file
// anchorFile stands for: itself, the tag of a package for "KEY=@lkt:pkg:<dir>",
// or an argument for each package for "KEY_%=@lkt:pkgs:<pattern>", whose % is
// replaced by the name of the image. Directories are relative to the file.
func TransformBuildArgValue(ctx context.Context, line, anchorFile string) ([]string, error) {
	args, _, err := transformBuildArg(ctx, &git.Cache{}, line, anchorFile)
	return args, err
}

// transformBuildArg returns also the packages that are named. Many arguments
// name packages of one repository, which is asked only once.
func transformBuildArg(ctx context.Context, repos *git.Cache, line, anchorFile string) ([]string, []Pkg, error) {
	key, value, found := strings.Cut(line, "=")
	if !found || key == "" {
		return nil, nil, fmt.Errorf("%w: %s", errNoValue, line)
	}
	dir := filepath.Dir(anchorFile)
	switch {
	case strings.HasPrefix(value, ofPackage):
		pkgs, err := referenced(ctx, repos, below(dir, value[len(ofPackage):]))
		if err != nil {
			return nil, nil, err
		}
		return []string{key + "=" + pkgs[0].Tag()}, pkgs, nil
	case strings.HasPrefix(value, ofPackages):
		return argsOfPackages(ctx, repos, key, below(dir, value[len(ofPackages):]))
	case strings.HasPrefix(value, calculated):
		return nil, nil, fmt.Errorf("unknown linuxkit build arg value %q", value)
	}
	return []string{line}, nil, nil
}

func below(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// referenced loads packages that an argument names, with the defaults.
func referenced(ctx context.Context, repos *git.Cache, dirs ...string) ([]Pkg, error) {
	pkgs, err := loadAll(ctx, PkglibConfig{BuildYML: DefaultPkgBuildYML, HashCommit: git.Head}, repos, dirs)
	if err != nil {
		return nil, fmt.Errorf("error loading packages from paths %q: %w", strings.Join(dirs, ", "), err)
	}
	return pkgs, nil
}

func argsOfPackages(ctx context.Context, repos *git.Cache, key, pattern string) ([]string, []Pkg, error) {
	switch strings.IndexByte(key, '%') {
	case -1:
		return nil, nil, fmt.Errorf("invalid build arg key %q, must contain a '%%'", key)
	case 0:
		return nil, nil, fmt.Errorf("invalid build arg key %q, must not start with '%%'", key)
	}
	dirs, err := matchPackages(pattern)
	if err != nil {
		return nil, nil, err
	}
	pkgs, err := referenced(ctx, repos, dirs...)
	if err != nil {
		return nil, nil, err
	}
	var args []string
	for _, p := range pkgs {
		args = append(args, strings.ReplaceAll(key, "%", mangle(p.Image()))+"="+p.Tag())
	}
	return args, pkgs, nil
}

// mangle makes the name of an image a part of the name of an argument.
func mangle(name string) string {
	return strings.ToUpper(strings.NewReplacer("/", "_", "-", "_").Replace(name))
}

// matchPackages returns the directories that a pattern with braces matches,
// without hidden ones.
func matchPackages(pattern string) ([]string, error) {
	var found []string
	for _, p := range expandBraces(pattern) {
		list, err := filepath.Glob(p)
		if err != nil {
			return nil, fmt.Errorf("error globbing package path %q: %w", pattern, err)
		}
		found = append(found, list...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no packages found matching path %q", pattern)
	}
	slices.Sort(found)
	dirs := slices.DeleteFunc(slices.Compact(found), func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || !info.IsDir() || strings.HasPrefix(filepath.Base(name), ".")
	})
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no packages found at path %q", pattern)
	}
	return dirs, nil
}

// expandBraces returns the patterns that one with {a,b} stands for. A brace
// without partner stands for itself.
func expandBraces(pattern string) []string {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return []string{pattern}
	}
	parts, end := splitBraces(pattern[open:])
	if end < 0 {
		return []string{pattern}
	}
	var out []string
	for _, rest := range expandBraces(pattern[open+end:]) {
		for _, part := range parts {
			for _, inner := range expandBraces(part) {
				out = append(out, pattern[:open]+inner+rest)
			}
		}
	}
	return out
}

// splitBraces splits a text that starts with a brace at the commas of that
// brace and returns where it ends; -1 if it does not.
func splitBraces(text string) (parts []string, end int) {
	depth, start := 0, 1
	for i := range len(text) {
		switch {
		case text[i] == '{':
			depth++
		case text[i] == ',' && depth == 1:
			parts, start = append(parts, text[start:i]), i+1
		case text[i] == '}':
			if depth--; depth == 0 {
				return append(parts, text[start:i]), i + 1
			}
		}
	}
	return nil, -1
}

// args returns all build arguments: those that are always there, overridden by
// those of the build.yml, overridden by those of the command.
func (p Pkg) args(ctx context.Context, o *buildOpts) (map[string]string, error) {
	args, err := p.presetArgs(ctx)
	if err != nil {
		return nil, err
	}
	for _, line := range slices.Concat(p.info.BuildArgs, o.buildArgs) {
		key, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("%w: %s", errNoValue, line)
		}
		args[key] = value
	}
	return args, nil
}

// presetArgs tell a Dockerfile what is built.
func (p Pkg) presetArgs(ctx context.Context) (map[string]string, error) {
	args := map[string]string{"PKG_IMAGE": p.Image()}
	if p.info.GitRepo != "" {
		args["SOURCE"] = p.info.GitRepo
	}
	if p.hash != "" {
		args["PKG_HASH"] = p.hash
	}
	if p.repo == nil {
		return args, nil
	}
	id, err := p.repo.Commit(ctx, git.Head)
	if err != nil {
		return nil, fmt.Errorf("find the revision of %s: %w", p.Tag(), err)
	}
	at, err := p.repo.Time(ctx, git.Head)
	if err != nil {
		return nil, fmt.Errorf("find the time of the revision of %s: %w", p.Tag(), err)
	}
	if !p.dirty {
		args["REVISION"] = id
	}
	args["GOPKGVERSION"] = "v0.0.0-" + at.Format("20060102150405") + "-" + id[:12]
	return args, nil
}

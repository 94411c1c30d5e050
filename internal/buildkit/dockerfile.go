package buildkit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	distribution "github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/image"
)

// Base is an image that a Dockerfile starts from or copies from.
type Base struct {
	// Name is as written, with arguments expanded.
	Name string
	// Familiar is the name by which BuildKit looks for a replacement.
	Familiar string
	// Platform is the one that is needed of it.
	Platform ocispec.Platform
}

// Bases returns the images that a Dockerfile needs for the platform target when
// it is built on host with the arguments args, each once.
func Bases(dockerfile []byte, args map[string]string, target, host ocispec.Platform) ([]Base, error) {
	ast, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, err
	}
	stages, global, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return nil, err
	}
	f := &finder{lex: shell.NewLex(ast.EscapeToken), env: platformArgs(target, host), target: target, stages: map[string]bool{}}
	if err := f.arguments(global, args); err != nil {
		return nil, err
	}
	for i, s := range stages {
		if err := f.stage(s); err != nil {
			return nil, err
		}
		f.stages[strings.ToLower(s.Name)], f.stages[strconv.Itoa(i)] = true, true
	}
	return f.list, nil
}

// platformArgs are the arguments that BuildKit knows by itself.
func platformArgs(target, host ocispec.Platform) environment {
	env := environment{}
	for prefix, p := range map[string]ocispec.Platform{"TARGET": target, "BUILD": host} {
		env[prefix+"PLATFORM"] = image.Format(p)
		env[prefix+"OS"], env[prefix+"ARCH"], env[prefix+"VARIANT"] = p.OS, p.Architecture, p.Variant
	}
	return env
}

type environment map[string]string

func (e environment) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }

func (e environment) Keys() []string {
	keys := make([]string, 0, len(e))
	for k := range e {
		keys = append(keys, k)
	}
	return keys
}

// finder gathers the images of a Dockerfile.
type finder struct {
	lex    *shell.Lex
	env    environment
	target ocispec.Platform
	// stages are the names and numbers of those that have been read.
	stages map[string]bool
	list   []Base
}

// arguments reads those before the first stage.
func (f *finder) arguments(global []instructions.ArgCommand, given map[string]string) error {
	for _, cmd := range global {
		for _, arg := range cmd.Args {
			value, ok := given[arg.Key]
			if !ok && arg.Value != nil {
				var err error
				if value, err = f.expand(*arg.Value); err != nil {
					return err
				}
				ok = true
			}
			if ok {
				f.env[arg.Key] = value
			}
		}
	}
	return nil
}

func (f *finder) expand(text string) (string, error) {
	out, _, err := f.lex.ProcessWord(text, f.env)
	return out, err
}

func (f *finder) stage(s instructions.Stage) error {
	name, err := f.expand(s.BaseName)
	if err != nil {
		return fmt.Errorf("base name %s: %w", s.BaseName, err)
	}
	if name == "" {
		return fmt.Errorf("base name (%s) should not be blank", s.BaseName)
	}
	platform := f.target
	if s.Platform != "" {
		text, err := f.expand(s.Platform)
		if err != nil {
			return fmt.Errorf("platform of base %s: %w", s.BaseName, err)
		}
		if platform, err = image.ParsePlatform(text); err != nil {
			return fmt.Errorf("platform of base %s: %w", s.BaseName, err)
		}
	}
	f.add(name, platform)
	for _, c := range s.Commands {
		f.command(c)
	}
	return nil
}

// command adds what a step copies or mounts from.
func (f *finder) command(c instructions.Command) {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		f.add(c.From, f.target)
	case *instructions.RunCommand:
		for _, m := range instructions.GetMounts(c) {
			f.add(m.From, f.target)
		}
	}
}

// add notes an image, unless the name is that of a stage or of nothing.
func (f *finder) add(name string, p ocispec.Platform) {
	if name == "" || name == "scratch" || f.stages[strings.ToLower(name)] {
		return
	}
	named, err := distribution.ParseNormalizedNamed(name)
	if err != nil {
		return // the daemon says it better
	}
	b := Base{Name: name, Familiar: strings.TrimSuffix(distribution.FamiliarString(named), ":latest"), Platform: p}
	if !slices.ContainsFunc(f.list, func(o Base) bool { return o.Familiar == b.Familiar && image.Format(o.Platform) == image.Format(p) }) {
		f.list = append(f.list, b)
	}
}

package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/linuxkit/linuxkit/internal/buildkit"
	"github.com/linuxkit/linuxkit/pkglib"
)

// builderFlags are the flags that say where BuildKit is.
type builderFlags struct {
	builders []string
	config   pkglib.BuilderConfig
}

func (f *builderFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.builders, "builders", nil, "docker context or BuildKit address by platform, such as linux/arm64=ssh://host; several for one platform share its builds (adds to $LINUXKIT_BUILDERS)")
	flags.StringVar(&f.config.Name, "builder-name", "", "name of the builder container (default $LINUXKIT_BUILDER_NAME, else "+pkglib.DefaultBuilderName()+")")
	flags.StringVar(&f.config.Image, "builder-image", "", "image of the builder container (default $LINUXKIT_BUILDER_IMAGE, else "+pkglib.DefaultBuilderImage()+")")
	flags.StringVar(&f.config.ConfigPath, "builder-config", "", "TOML file that configures BuildKit (default $LINUXKIT_BUILDER_CONFIG)")
}

// locate applies the environment, whose builders give way to those of the
// flag, platform by platform. Errors say what is wrong with which of the two.
func (f *builderFlags) locate() (map[string]string, error) {
	return f.locateSaying("error in environment variable", "error in --builders flag")
}

func (f *builderFlags) locateSaying(badVariable, badFlag string) (map[string]string, error) {
	f.config.Name = cmp.Or(f.config.Name, os.Getenv("LINUXKIT_BUILDER_NAME"), pkglib.DefaultBuilderName())
	f.config.Image = cmp.Or(f.config.Image, os.Getenv("LINUXKIT_BUILDER_IMAGE"), pkglib.DefaultBuilderImage())
	f.config.ConfigPath = cmp.Or(f.config.ConfigPath, os.Getenv("LINUXKIT_BUILDER_CONFIG"))
	builders, err := parseBuilders(strings.FieldsFunc(os.Getenv("LINUXKIT_BUILDERS"), func(r rune) bool { return r == ',' }))
	if err != nil {
		return nil, fmt.Errorf("%s LINUXKIT_BUILDERS: %w", badVariable, err)
	}
	given, err := parseBuilders(f.builders)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", badFlag, err)
	}
	for platform, names := range given {
		builders[platform] = names
	}
	if f.config.ConfigPath != "" {
		if _, err := os.Stat(f.config.ConfigPath); err != nil {
			return nil, fmt.Errorf("error reading builder config file %s: %w", f.config.ConfigPath, err)
		}
	}
	return builders, nil
}

// parseBuilders reads "<platform>=<builder>" entries.
func parseBuilders(list []string) (map[string]string, error) {
	all := map[string]string{}
	for _, text := range list {
		platform, name, found := strings.Cut(text, "=")
		platform, name = strings.TrimSpace(platform), strings.TrimSpace(name)
		if !found || name == "" {
			return nil, fmt.Errorf("invalid platform=builder specification '%s'", text)
		}
		if _, err := pkglib.ParsePlatform(platform); err != nil {
			return nil, fmt.Errorf("invalid platform specification '%s'", platform)
		}
		if buildkit.IsAddress(name) {
			if err := buildkit.CheckAddress(name); err != nil {
				return nil, err
			}
		}
		if all[platform] != "" {
			name = all[platform] + "," + name
		}
		all[platform] = name
	}
	return all, nil
}

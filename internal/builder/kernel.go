package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func (k *Kernel) validate() error {
	if len(k.Packages) == 0 {
		return errors.New("kernel: there are no packages")
	}
	for arch, name := range k.Packages {
		if err := checkPackageName(name); err != nil {
			return fmt.Errorf("kernel: package for %s: %w", arch, err)
		}
	}
	for name, modules := range k.Tars {
		if err := validateTar(name, modules); err != nil {
			return fmt.Errorf("kernel: tars: %w", err)
		}
	}
	return nil
}

func validateTar(name string, modules []string) error {
	if name == "" || strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%q is not the name of a file", name)
	}
	if name == kernelFile || name == kernelTarFile || name == kernelConfigFile {
		return fmt.Errorf("%s is made anyway", name)
	}
	return validatePatterns(modules)
}

func (k *Kernel) request(arch string) request {
	return request{names: []string{k.Packages[arch]}, kernel: true}
}

// Names of the files of a kernel image.
const (
	kernelFile       = "kernel"
	kernelTarFile    = "kernel.tar"
	kernelConfigFile = "config"
)

// kernelLayer repackages Debian's kernel.
func (j *job) kernelLayer(ctx context.Context, k *Kernel) (*stored, error) {
	return nil, errors.New("not here yet")
}

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// checkImage reports whether an image name can be one, before anything is
// fetched.
func checkImage(name string) error {
	if name == "" {
		return errors.New("empty image name; name an image such as linuxkit/getty:tag")
	}
	if strings.Contains(name, "://") {
		return fmt.Errorf("image %q has a scheme; leave out everything up to \"://\"", clip(name))
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return fmt.Errorf("image %q: %s; want [host/]repository[:tag][@digest]", clip(name),
			strings.TrimPrefix(err.Error(), "invalid reference format: "))
	}
	return nil
}

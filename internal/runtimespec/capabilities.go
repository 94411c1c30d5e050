package runtimespec

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/linuxkit/linuxkit/config"
)

// capabilities returns the sets of a process: the effective and the ambient
// ones as they are given, all others the sorted union of both.
func capabilities(c *config.ImageConfig) (*specs.LinuxCapabilities, error) {
	effective, err := config.Capabilities(value(c.Capabilities))
	if err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	ambient, err := config.Capabilities(value(c.Ambient))
	if err != nil {
		return nil, fmt.Errorf("ambient: %w", err)
	}
	union := slices.Concat(effective, ambient)
	slices.Sort(union)
	union = slices.Compact(union)
	return &specs.LinuxCapabilities{
		Bounding: union, Effective: effective, Inheritable: union, Permitted: union, Ambient: ambient,
	}, nil
}

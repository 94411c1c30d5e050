//go:build !linux

package buildkit

import (
	"context"
	"errors"
)

// child exists on Linux only.
type child struct{}

func findChild(string) (*child, error) {
	return nil, errors.New("buildkitd runs on Linux only")
}

func (*child) address() string             { return "" }
func (*child) start(context.Context) error { return errors.ErrUnsupported }
func (*child) stop(context.Context) error  { return errors.ErrUnsupported }

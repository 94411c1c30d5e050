package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/imagelock"
)

// lockOptions are the flags of build about the lock file.
type lockOptions struct {
	file   string
	update bool
}

func (o *lockOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.file, "lock", "", "use the images that this file locks; written if it does not exist")
	flags.BoolVar(&o.update, "lock-update", false, "write the file of --lock anew")
}

func (o *lockOptions) check() error {
	if o.update && o.file == "" {
		return errors.New("--lock-update needs the file; give --lock")
	}
	return nil
}

// apply makes images be resolved as the lock file says and returns what saves
// the file after the build.
func (o *lockOptions) apply(images *image.Resolver) (save func(context.Context) error, err error) {
	if o.file == "" {
		return func(context.Context) error { return nil }, nil
	}
	lock, err := imagelock.Open(o.file, o.update)
	if err != nil {
		return nil, err
	}
	policy := images.Check
	images.Pin = lock.Pin
	images.Check = func(ctx context.Context, f image.Found) error {
		if policy != nil {
			if err := policy(ctx, f); err != nil {
				return err
			}
		}
		return lock.Check(ctx, f)
	}
	return func(ctx context.Context) error { return lock.Save(ctx, images.Store) }, nil
}

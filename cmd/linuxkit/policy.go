package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/policy"
	"github.com/linuxkit/linuxkit/internal/registry"
)

// systemPolicy holds for all users that have no policy of their own.
const systemPolicy = "/etc/linuxkit/policy.yml"

// loadPolicy reads the policy that was asked for, else one of those in the
// default places. A policy that cannot be read stops everything.
func (a *app) loadPolicy() (err error) {
	if a.policy == "" {
		a.policy = os.Getenv("LINUXKIT_POLICY")
	}
	if a.policy == "" {
		a.policy, err = defaultPolicy()
	}
	if err != nil || a.policy == "" {
		return err
	}
	a.rules, err = policy.Load(a.policy)
	return err
}

func defaultPolicy() (string, error) {
	places := []string{systemPolicy}
	if home, err := os.UserHomeDir(); err == nil {
		places = append([]string{filepath.Join(home, ".linuxkit", "policy.yml")}, places...)
	}
	for _, name := range places {
		_, err := os.Stat(name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read policy: %w", err)
		}
	}
	return "", nil
}

// check returns what the policy says of images in s, nil without policy.
func (a *app) check(s *content.Store, remote *registry.Client) func(context.Context, image.Found) error {
	if a.rules == nil {
		return nil
	}
	return (&policy.Checker{Policy: a.rules, Store: s, Fetch: func(ctx context.Context, ref string, d digest.Digest) error {
		return remote.PullSignatures(ctx, ref, d)
	}}).Check
}

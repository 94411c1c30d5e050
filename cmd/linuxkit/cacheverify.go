package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
)

func newCacheVerifyCmd(a *app) *cobra.Command {
	var repair, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare everything in the cache with its digest",
		Long: `Read every blob of the cache and compare it with its digest, and look whether
anything is missing that an image needs. What is wrong is listed with the
images that it belongs to, and the exit status is 1.

With --repair, what is damaged or missing is fetched again from the registry of
the image. What cannot be fetched is removed, so that it does not pass for
whole: the next build pulls or builds that image anew.`,
		Example: `  linuxkit cache verify
  linuxkit cache verify --repair
  linuxkit cache verify --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := content.Open(a.cacheDir)
			if err != nil {
				return err
			}
			return cacheVerify(cmd.Context(), a, s, repair, asJSON)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "fetch anew what is damaged or missing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the result to standard output as JSON")
	return cmd
}

// verified is what `cache verify --json` writes.
type verified struct {
	Blobs    int       `json:"blobs"`
	Bytes    int64     `json:"bytes"`
	Derived  int       `json:"derived"`
	Damaged  []damaged `json:"damaged"`
	Repaired []damaged `json:"repaired"`
}

type damaged struct {
	Digest string   `json:"digest"`
	Size   int64    `json:"size,omitempty"`
	Images []string `json:"images"`
	Error  string   `json:"error"`
}

func cacheVerify(ctx context.Context, a *app, s *content.Store, repair, asJSON bool) error {
	// What is being read is not to be removed; a cache that cannot be written
	// is read without that.
	if release, err := s.Pin(ctx); err == nil {
		defer release()
	}
	audit, err := s.Audit(ctx)
	if err != nil {
		return err
	}
	result := verified{Blobs: audit.Blobs, Bytes: audit.Bytes, Damaged: []damaged{}, Repaired: []damaged{}}
	broken := 0
	if result.Derived, broken, err = s.Derived().Audit(ctx); err != nil {
		return fmt.Errorf("verify derived content: %w", err)
	}
	if broken > 0 {
		progress.Infof(ctx, "%d derived files were damaged and have been removed; they are made again when needed", broken)
	}
	if repair {
		if audit, err = a.repair(ctx, s, audit, &result); err != nil {
			return err
		}
	}
	for _, d := range audit.Damaged {
		result.Damaged = append(result.Damaged, describe(d))
	}
	return result.tell(ctx, a, repair, asJSON)
}

func describe(d content.Damage) damaged {
	images := d.Refs
	if images == nil {
		images = []string{}
	}
	return damaged{d.Digest.String(), d.Size, images, d.Err.Error()}
}

func (v verified) tell(ctx context.Context, a *app, repair, asJSON bool) error {
	if asJSON {
		if err := writeJSON(a.stdout, v); err != nil {
			return err
		}
	} else {
		for _, d := range v.Repaired {
			progress.Infof(ctx, "repaired %s of %s", d.Digest, orNobody(d.Images))
		}
		for _, d := range v.Damaged {
			progress.Infof(ctx, "%s: %s", orNobody(d.Images), d.Error)
		}
		progress.Infof(ctx, "verified %d blobs, %s; %d damaged or missing", v.Blobs, byteSize(v.Bytes), len(v.Damaged))
	}
	switch {
	case len(v.Damaged) == 0:
		return nil
	case repair:
		return errors.New("not all of the cache could be repaired; pull or build these images anew, or remove them with: linuxkit cache rm")
	default:
		return errors.New("the cache is damaged; repair it with: linuxkit cache verify --repair")
	}
}

func orNobody(images []string) string {
	if len(images) == 0 {
		return "no image"
	}
	return strings.Join(images, ", ")
}

// repair fetches what is wrong and returns what still is.
func (a *app) repair(ctx context.Context, s *content.Store, audit *content.Audit, result *verified) (*content.Audit, error) {
	remote, err := a.registry(s)
	if err != nil {
		return nil, err
	}
	repaired, left, err := remote.Repair(ctx, audit)
	for _, d := range repaired {
		result.Repaired = append(result.Repaired, describe(d))
	}
	return left, err
}

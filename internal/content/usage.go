package content

import (
	"context"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Usage says what takes the space, in bytes.
type Usage struct {
	Images []ImageUsage
	// Blobs are all blobs, Unreferenced those that no name refers to.
	Blobs, Unreferenced int64
	// Derived is what can be made again from blobs.
	Derived int64
}

// Total is the sum of all files that count.
func (u Usage) Total() int64 { return u.Blobs + u.Derived }

// ImageUsage is the share of one name.
type ImageUsage struct {
	Named
	// Whole is what the name refers to, Own the part that no other name does.
	Whole, Own int64
}

// Usage measures the cache.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	sizes := map[digest.Digest]int64{}
	err := s.eachBlob(func(d digest.Digest, info os.FileInfo) error {
		sizes[d] = info.Size()
		u.Blobs += info.Size()
		return nil
	})
	if err != nil {
		return u, err
	}
	if _, u.Derived, err = s.derived.files(); err != nil && !os.IsNotExist(err) {
		return u, err
	}
	all, err := s.List(ctx)
	if err != nil {
		return u, err
	}
	users := map[digest.Digest]int{}
	sets := make([]map[digest.Digest]bool, len(all))
	for i, n := range all {
		if sets[i], err = s.reachable(ctx, n.Descriptor); err != nil {
			return u, err
		}
		for d := range sets[i] {
			users[d]++
		}
	}
	for i, n := range all {
		share := ImageUsage{Named: n}
		for d := range sets[i] {
			share.Whole += sizes[d]
			if users[d] == 1 {
				share.Own += sizes[d]
			}
		}
		u.Images = append(u.Images, share)
	}
	for d, size := range sizes {
		if users[d] == 0 {
			u.Unreferenced += size
		}
	}
	return u, nil
}

func (s *Store) reachable(ctx context.Context, desc ocispec.Descriptor) (map[digest.Digest]bool, error) {
	set := map[digest.Digest]bool{}
	return set, s.reach(ctx, desc, set)
}

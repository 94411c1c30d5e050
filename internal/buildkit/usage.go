package buildkit

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Record is an entry of the cache of a daemon.
type Record struct {
	ID, Type, Description  string
	Parents                []string
	Created, LastUsed      time.Time // LastUsed is zero if it never was
	Size                   int64     // in bytes
	Uses                   int
	Mutable, InUse, Shared bool
}

func newRecord(u client.UsageInfo) Record {
	r := Record{
		ID: u.ID, Type: string(u.RecordType), Description: u.Description, Parents: u.Parents, Created: u.CreatedAt,
		Size: u.Size, Uses: u.UsageCount, Mutable: u.Mutable, InUse: u.InUse, Shared: u.Shared,
	}
	if u.LastUsedAt != nil {
		r.LastUsed = *u.LastUsedAt
	}
	return r
}

// Usage tells what is in the caches of the daemons for a platform, as far as
// the pool was not asked before.
func (p *Pool) Usage(ctx context.Context, platform ocispec.Platform, names []string) ([]Record, error) {
	var all []Record
	err := p.each(ctx, platform, names, func(c *client.Client) error {
		list, err := c.DiskUsage(ctx)
		for _, u := range list {
			all = append(all, newRecord(*u))
		}
		return err
	})
	return all, err
}

// Prune empties those caches; what is removed is told to fn.
func (p *Pool) Prune(ctx context.Context, platform ocispec.Platform, names []string, fn func(Record)) error {
	return p.each(ctx, platform, names, func(c *client.Client) error {
		removed := make(chan client.UsageInfo)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for u := range removed {
				fn(newRecord(u))
			}
		}()
		err := c.Prune(ctx, removed, client.PruneAll)
		close(removed)
		<-done
		return err
	})
}

// each visits every daemon for a platform, each once in the life of the pool.
func (p *Pool) each(ctx context.Context, platform ocispec.Platform, names []string, fn func(*client.Client) error) error {
	chosen := [][]string{nil}
	if len(names) > 0 {
		chosen = nil
		for _, name := range names {
			chosen = append(chosen, []string{name})
		}
	}
	for _, one := range chosen {
		b, err := p.take(ctx, platform, one)
		if err != nil {
			return fmt.Errorf("cannot get client: %w", err)
		}
		if p.firstVisit(b) {
			err = fn(b.c)
		}
		p.release(b)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pool) firstVisit(b *builder) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !b.visited
	b.visited = true
	return first
}

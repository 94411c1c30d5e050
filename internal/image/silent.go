package image

import (
	"context"
	"errors"
	"sync"

	"github.com/linuxkit/linuxkit/internal/progress"
)

// Silent remembers the registries that did not answer, so that nobody waits
// for one of them again who can do without. The zero value knows none.
type Silent struct {
	mu    sync.Mutex
	hosts map[string]error
}

// Known returns the error of the last time that a host did not answer, nil if
// it always did.
func (s *Silent) Known(host string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts[host]
}

// Note takes the error of a request, which may be nil: if it is
// [ErrUnreachable] it is remembered.
func (s *Silent) Note(ctx context.Context, host string, err error) {
	if !errors.Is(err, ErrUnreachable) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts == nil {
		s.hosts = map[string]error{}
	}
	if s.hosts[host] == nil {
		progress.Debugf(ctx, "registry %s is not asked any more: %v", host, err)
	}
	s.hosts[host] = err
}

package content

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// processLock is what all stores of one directory share within a process:
// record locks belong to processes, so that goroutines need one more.
type processLock struct {
	index chan struct{} // holds a token while the index is locked
	use   useLock
}

var processLocks sync.Map // canonical directory -> *processLock

func (s *Store) process() *processLock {
	dir := s.dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	l, _ := processLocks.LoadOrStore(dir, &processLock{index: make(chan struct{}, 1)})
	return l.(*processLock)
}

// lock takes the lock that LinuxKit takes too. The system releases it when its
// holder dies.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	p := s.process()
	select {
	case p.index <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("lock cache %s: %w", s.dir, ctx.Err())
	}
	release := func() { <-p.index }
	f, err := os.OpenFile(s.path(lockFile), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		release()
		return nil, fmt.Errorf("unable to lock cache %s: %w", s.dir, err)
	}
	if err := waitLock(ctx, func() (bool, error) { return tryRecordLock(f, true) }); err != nil {
		f.Close()
		release()
		return nil, fmt.Errorf("unable to lock cache %s: %w", s.dir, err)
	}
	return func() { f.Close(); release() }, nil
}

// waitLock asks again and again, for no system waits for a lock and a context
// at once.
func waitLock(ctx context.Context, try func() (bool, error)) error {
	const longest = 20 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		ok, err := try()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

package content

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"
)

// ErrBusy means that another process writes to the cache, so that blobs cannot
// be removed now.
var ErrBusy = errors.New("cache is in use by another process")

// useLock says that this process writes blobs which nothing may name yet. It
// is kept until the process ends: between a blob and its name there may be a
// whole build.
type useLock struct {
	mu   sync.Mutex
	f    *os.File
	pins int
}

// inUse makes sure that no other process removes blobs from now on.
func (s *Store) inUse(ctx context.Context) error {
	u := &s.process().use
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.share(ctx, s)
}

// Pin keeps all blobs until release is called, whether they are named or not.
// Who asks whether a blob is there and later names it must pin first.
func (s *Store) Pin(ctx context.Context) (release func(), err error) {
	if err := s.Init(ctx); err != nil {
		return nil, err
	}
	u := &s.process().use
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.share(ctx, s); err != nil {
		return nil, err
	}
	u.pins++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		u.pins--
		u.mu.Unlock()
	}), nil
}

// share takes the shared lock unless it is held already on this very file.
func (u *useLock) share(ctx context.Context, s *Store) error {
	if u.f != nil && sameFile(u.f, s.path(useFile)) {
		return nil
	}
	f, err := os.OpenFile(s.path(useFile), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("write to cache: %w", err)
	}
	if err := waitLock(ctx, func() (bool, error) { return tryRecordLock(f, false) }); err != nil {
		f.Close()
		return fmt.Errorf("unable to lock cache %s: %w", s.dir, err)
	}
	if u.f != nil {
		u.f.Close()
	}
	u.f = f
	return nil
}

func sameFile(f *os.File, name string) bool {
	named, err := os.Stat(name)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(named, info)
}

// alone runs fn while no other process and no pin of this one uses blobs that
// have no name; else it returns [ErrBusy].
func (s *Store) alone(ctx context.Context, fn func() error) error {
	u := &s.process().use
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.share(ctx, s); err != nil {
		return err
	}
	if u.pins > 0 {
		return ErrBusy
	}
	ok, err := tryRecordLock(u.f, true)
	if err == nil && !ok {
		err = ErrBusy
	}
	if err == nil {
		err = fn()
	}
	// Back to shared. If the file is gone there is nothing to share.
	if _, shareErr := tryRecordLock(u.f, false); shareErr != nil && err == nil {
		err = shareErr
	}
	return err
}

// LockBlob keeps other processes that ask for the same from fetching a blob at
// the same time; blobs are stored without it just as well. Systems without
// locks of this kind do not wait.
func (s *Store) LockBlob(ctx context.Context, d digest.Digest) (unlock func(), err error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("%w: digest %q: %w", ErrInvalid, d, err)
	}
	if err := os.MkdirAll(s.path(ingestDir), dirMode); err != nil {
		return nil, fmt.Errorf("write to cache: %w", err)
	}
	for {
		f, err := os.OpenFile(s.path(ingestDir, tempPrefix+"pull-"+d.Encoded()), os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return nil, fmt.Errorf("write to cache: %w", err)
		}
		if err := waitLock(ctx, func() (bool, error) { return tryFileLock(f) }); err != nil {
			f.Close()
			return nil, fmt.Errorf("wait for blob %s: %w", d, err)
		}
		// Who held the lock before has removed the file that was locked.
		if sameFile(f, f.Name()) {
			return func() { removeLocked(f) }, nil
		}
		f.Close()
	}
}

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/log"
)

// logs keeps the output of services from filling the file system it is kept in,
// which is memory on most systems.
type logs struct {
	// services holds a directory for each service, dir the logs.
	services, dir string
	// limit is the size in bytes from which a log is started anew.
	limit int64
}

var systemLogs = logs{services: "/containers/services", dir: "/var/log", limit: 4 << 20}

const logInterval = 30 * time.Second

// watch looks at the logs every now and then until the context ends.
func (l logs) watch(ctx context.Context) {
	tick := time.NewTicker(logInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.trim(); err != nil {
				log.G(ctx).WithError(err).Warn("limit the logs of services")
			}
		}
	}
}

// trim starts every log anew that is beyond the limit.
func (l logs) trim() error {
	entries, err := os.ReadDir(l.services)
	if err != nil {
		return nil // no services
	}
	var failed error
	for _, e := range entries {
		for _, suffix := range []string{".log", ".out.log"} {
			path := filepath.Join(l.dir, e.Name()+suffix)
			// Not through a link: a container may have the directory as its own.
			info, err := os.Lstat(path)
			if err != nil || !info.Mode().IsRegular() || info.Size() <= l.limit {
				continue
			}
			failed = errors.Join(failed, startAnew(path))
		}
	}
	return failed
}

// startAnew moves the content of a log to a file with ".0" behind its name. The
// log itself stays: the shim has it open, and appends. What is written between
// the last read and the cut is lost.
func startAnew(path string) error {
	src, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	old := path + ".0"
	if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dst, err := os.OpenFile(old, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = io.Copy(dst, src)
		err = errors.Join(err, dst.Close())
	}
	// Without room for the old content the log is cut all the same.
	return errors.Join(err, src.Truncate(0))
}

package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
)

const (
	parallelDownloads = 4
	downloadAttempts  = 3
)

// downloads is the client for archives; proxies are those of the environment.
var downloads = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	ResponseHeaderTimeout: time.Minute,
	TLSHandshakeTimeout:   30 * time.Second,
	MaxIdleConnsPerHost:   parallelDownloads,
}}

func debKey(p lockedPackage) string { return "deb-sha256-" + p.SHA256 }

// fetch downloads those of the packages that the store does not have.
func fetch(ctx context.Context, s *content.Store, packages []lockedPackage, dir string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelDownloads)
	for _, p := range packages {
		f, err := s.Derived().Get(ctx, debKey(p))
		if err == nil {
			f.Close()
			continue
		}
		g.Go(func() error {
			if err := fetchOne(ctx, s, p); err != nil {
				return fmt.Errorf("get Debian package %s %s: %w%s", p.Name, p.Version, err, remedy(err, dir))
			}
			return nil
		})
	}
	return g.Wait()
}

func remedy(err error, dir string) string {
	if errors.Is(err, ErrGone) {
		return fmt.Sprintf("; take the present versions with \"linuxkit pkg lock %s\", or set %s to an archive of past versions", dir, envSnapshot)
	}
	return ""
}

// fetchOne tries the archives that may have p one after the other.
func fetchOne(ctx context.Context, s *content.Store, p lockedPackage) error {
	archives, err := archivesFor(p)
	if err != nil {
		return err
	}
	for _, archive := range archives {
		err = fetchFrom(ctx, s, p, archive)
		if !errors.Is(err, ErrGone) {
			return err
		}
	}
	return err
}

func archivesFor(p lockedPackage) ([]string, error) {
	var archives []string
	if strings.HasPrefix(p.Path, securityPool) {
		security, err := fromEnv(envSecurity)
		if err != nil {
			return nil, err
		}
		if security == "" {
			return nil, fmt.Errorf("%w: it is a security update; set %s", ErrNoMirror, envSecurity)
		}
		archives = append(archives, security)
	} else {
		main, err := mirror()
		if err != nil {
			return nil, err
		}
		archives = append(archives, main)
	}
	snapshot, err := fromEnv(envSnapshot)
	if snapshot != "" {
		archives = append(archives, snapshot)
	}
	return archives, err
}

func fetchFrom(ctx context.Context, s *content.Store, p lockedPackage, archive string) error {
	base, err := url.Parse(archive)
	if err != nil {
		return err
	}
	from := base.JoinPath(p.Path).String()
	for attempt := 1; ; attempt++ {
		err := download(ctx, s, p, from)
		if err == nil || attempt == downloadAttempts || errors.Is(err, ErrGone) || errors.Is(err, errHash) || ctx.Err() != nil {
			return err
		}
		progress.Warnf(ctx, "download of %s failed, trying again: %v", p.Name, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(attempt) * time.Second):
		}
	}
}

// errHash means that bytes are not those of the lock.
var errHash = errors.New("the bytes are not those that debian.lock names")

// download stores one package after checking size and hash.
func download(ctx context.Context, s *content.Store, p lockedPackage, from string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	resp, err := downloads.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return ErrGone
	default:
		return fmt.Errorf("the mirror answered %s", resp.Status)
	}
	task := progress.From(ctx).Task("Debian package "+p.Name, p.Size)
	defer func() { task.Done(err) }()
	w, err := s.Derived().Create(ctx, debKey(p))
	if err != nil {
		return err
	}
	defer w.Close()
	v := newVerifier(io.LimitReader(resp.Body, p.Size+1), p)
	if _, err := io.Copy(w, &reported{v, task}); err != nil {
		return err
	}
	if err := v.verify(); err != nil {
		return err
	}
	return w.Commit()
}

type reported struct {
	io.Reader
	task progress.Task
}

func (r *reported) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.task.Add(int64(n))
	return n, err
}

// verifier hashes what is read through it.
type verifier struct {
	io.Reader
	sum  interface{ Sum([]byte) []byte }
	size int64
	want lockedPackage
}

func newVerifier(r io.Reader, want lockedPackage) *verifier {
	h := sha256.New()
	return &verifier{Reader: io.TeeReader(r, h), sum: h, want: want}
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	v.size += int64(n)
	return n, err
}

// verify reads what is left and compares size and hash.
func (v *verifier) verify() error {
	if _, err := io.Copy(io.Discard, v); err != nil {
		return err
	}
	if got := hex.EncodeToString(v.sum.Sum(nil)); v.size != v.want.Size || got != v.want.SHA256 {
		return fmt.Errorf("%w: %d bytes with sha256 %s instead of %d with %s", errHash, v.size, got, v.want.Size, v.want.SHA256)
	}
	return nil
}

// openDeb opens a fetched package.
func openDeb(ctx context.Context, s *content.Store, p lockedPackage) (*os.File, error) {
	f, err := s.Derived().Get(ctx, debKey(p))
	if err != nil {
		return nil, fmt.Errorf("open Debian package %s: %w", p.Name, err)
	}
	return f, nil
}

package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/linuxkit/linuxkit/internal/progress"
)

const (
	// attempts is how often something may fail without progress.
	attempts = 4
	// maxErrorBody bounds what is read of an answer that is an error.
	maxErrorBody = 64 << 10
	userAgent    = "linuxkit"
)

var (
	// firstPause is the pause before the second attempt; it doubles.
	firstPause = 500 * time.Millisecond
	// longestPause bounds what a registry may ask to wait.
	longestPause = time.Minute
)

// errPlain means that something would have been sent or read unencrypted.
var errPlain = errors.New("plain HTTP is refused; it is allowed for registries on this host and for a mirror given as http://")

// policy refuses plain HTTP, also for redirects and token services.
type policy struct {
	inner  http.RoundTripper
	target target
}

func (p *policy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !p.plain(r.URL.Hostname(), r.URL.Host) {
		return nil, fmt.Errorf("request to %s: %w", r.URL.Host, errPlain)
	}
	return p.inner.RoundTrip(r)
}

// plain tells whether a host may be talked to without encryption. That this
// host may be is no reason to let a registry elsewhere send us there.
func (p *policy) plain(name, host string) bool {
	if p.target.plain && host == p.target.host {
		return true
	}
	return isLoopback(name) && isLoopback(withoutPort(p.target.host))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// retrier repeats requests that can be repeated and failed for reasons that
// pass.
type retrier struct {
	inner http.RoundTripper
	// spare says that another registry can be asked instead.
	spare bool
}

func (t *retrier) RoundTrip(r *http.Request) (*http.Response, error) {
	pause := firstPause
	for try := 1; ; try++ {
		attempt, err := repeat(r, try)
		if err != nil {
			return nil, err
		}
		resp, err := t.inner.RoundTrip(attempt)
		if resp != nil && resp.StatusCode >= 400 {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(resp.Body, maxErrorBody), resp.Body}
		}
		wait, passing := t.passing(r, resp, err, pause)
		if !passing || try >= attempts || !repeatable(r) {
			return resp, err
		}
		if resp != nil {
			err = fmt.Errorf("status %s", resp.Status)
			resp.Body.Close()
		}
		progress.Debugf(r.Context(), "%s %s: %v; again in %v", r.Method, r.URL.Redacted(), err, wait)
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
		pause *= 2
	}
}

func repeatable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

// repeat returns the request of an attempt, with its body from the start.
func repeat(r *http.Request, try int) (*http.Request, error) {
	if r.Header.Get("User-Agent") == "" || try > 1 && r.GetBody != nil {
		r = r.Clone(r.Context())
		r.Header.Set("User-Agent", userAgent)
	}
	if try > 1 && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		r.Body = body
	}
	return r, nil
}

// passing tells whether the outcome of a request may be better soon, and when.
func (t *retrier) passing(r *http.Request, resp *http.Response, err error, pause time.Duration) (time.Duration, bool) {
	if err != nil {
		return pause, r.Context().Err() == nil && !errors.Is(err, errPlain) && !t.hopeless(r.Context(), err)
	}
	if !passes(resp.StatusCode) {
		return 0, false
	}
	if wait, ok := retryAfter(resp.Header.Get("Retry-After")); ok {
		pause = wait
	}
	return min(pause, longestPause), true
}

// passes tells whether a status is that of a registry which has other worries
// just now.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads seconds or a date.
func retryAfter(value string) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<20)) * time.Second, true
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date)), true
	}
	return 0, false
}

// hopeless tells whether no connection can be had, or not in time: a caller in
// a hurry, or one that knows another place, does not try again.
func (t *retrier) hopeless(ctx context.Context, err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return true
	case errors.As(err, &op) && op.Op == "dial":
		_, hurry := ctx.Deadline()
		return hurry || t.spare
	default:
		return isTLS(err)
	}
}

// request asks for a path below the repository, or for a URL; any other answer
// than the expected ones is an error.
func (s *session) request(ctx context.Context, method, path string, header map[string]string, expected ...int) (*http.Response, error) {
	if path == "" || path[0] == '/' {
		path = s.base + path
	}
	req, err := http.NewRequestWithContext(ctx, method, path, nil)
	if err != nil {
		return nil, err
	}
	return s.do(req, header, expected...)
}

func (s *session) do(req *http.Request, header map[string]string, expected ...int) (*http.Response, error) {
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	if err := transport.CheckError(resp, expected...); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

func (s *session) get(ctx context.Context, path string, header map[string]string) (*http.Response, error) {
	return s.request(ctx, http.MethodGet, path, header, http.StatusOK, http.StatusPartialContent)
}

// status returns the HTTP status that an error stands for, zero if none.
func status(err error) int {
	var t *transport.Error
	if errors.As(err, &t) {
		return t.StatusCode
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isTLS tells whether encryption could not be agreed on, which asking again
// does not mend.
func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &header) || errors.Is(err, http.ErrSchemeMismatch)
}

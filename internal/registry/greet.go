package registry

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
)

// greet asks a registry that is not known yet for a manifest, without
// credentials. If it answers and all else is there already, that was the only
// request; if it does not, its answer says how to authenticate.
func (c *Client) greet(ctx context.Context, a access, object string) (*session, ocispec.Descriptor, []byte, error) {
	w, err := c.wayTo(a)
	if err != nil {
		return nil, ocispec.Descriptor{}, nil, err
	}
	local := isLoopback(withoutPort(a.host))
	unsure := local || a.plain // with or without encryption
	w.retrier.once = unsure
	g := &greeting{inner: w.retrier}
	s := &session{http: &http.Client{Transport: g}, base: w.base(local)}
	desc, data, err := s.manifest(ctx, object)
	if err == nil {
		s.http = &http.Client{Transport: &later{client: c, access: a}}
		return s, desc, data, nil
	}
	if ctx.Err() != nil || c.final(ctx, w, err, unsure) {
		return nil, desc, nil, err
	}
	if s, err = c.open(ctx, a, g.refusal); err != nil {
		return nil, desc, nil, err
	}
	desc, data, err = s.manifest(ctx, object)
	return s, desc, data, err
}

// final tells whether asking again, by the rules, gives no better answer.
func (c *Client) final(ctx context.Context, w *way, err error, unsure bool) bool {
	switch answer := status(err); {
	case errors.Is(err, content.ErrInvalid), errors.Is(err, content.ErrCorrupt):
		return true
	case answer == http.StatusNotFound:
		// Who has an account may see more.
		auth, err := authn.Resolve(ctx, c.opts.Keychain, w.repo)
		return err == nil && auth == authn.Anonymous
	case answer == 0, passes(answer):
		return !unsure
	default:
		return false
	}
}

// greeting keeps the answer that asks for credentials.
type greeting struct {
	inner   http.RoundTripper
	refusal *refusal
}

func (g *greeting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.inner.RoundTrip(r)
	if g.refusal = nil; err == nil && resp.StatusCode == http.StatusUnauthorized {
		g.refusal = &refusal{host: r.URL.Host, scheme: r.URL.Scheme, header: resp.Header}
	}
	return resp, err
}

// refusal answers the question how to authenticate with what a registry said
// before.
type refusal struct {
	host, scheme string
	header       http.Header
}

func (f *refusal) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != f.host || r.URL.Scheme != f.scheme {
		return nil, errors.New("not asked")
	}
	return &http.Response{StatusCode: http.StatusUnauthorized, Header: f.header, Body: http.NoBody, Request: r}, nil
}

// later finds out how to authenticate when the next request is made.
type later struct {
	client *Client
	access access
	mu     sync.Mutex
}

func (l *later) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	s, err := l.client.session(r.Context(), l.access)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.http.Transport.RoundTrip(r)
}

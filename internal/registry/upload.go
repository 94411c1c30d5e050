package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// isForeign tells whether a blob may be left where the manifest says it is.
func isForeign(d ocispec.Descriptor) bool {
	return len(d.URLs) > 0 && (strings.Contains(d.MediaType, ".foreign.") || strings.Contains(d.MediaType, ".nondistributable."))
}

// blob uploads one blob unless the registry has it.
func (p *push) blob(ctx context.Context, d ocispec.Descriptor) error {
	if isForeign(d) {
		progress.Debugf(ctx, "layer %s may not be distributed; it is not pushed", d.Digest)
		return nil
	}
	there, err := p.session.exists(ctx, "/blobs/"+d.Digest.String())
	if err != nil {
		return fmt.Errorf("push blob %s: %w", d.Digest, err)
	}
	if there {
		progress.Debugf(ctx, "blob %s is in the registry already", d.Digest)
		return nil
	}
	f, err := p.client.opts.Store.Reader(ctx, d)
	if err != nil {
		return fmt.Errorf("push image %s: %w", p.local, err)
	}
	defer f.Close()
	location, err := p.session.startUpload(ctx, d.Digest, p.sources(ctx)[d.Digest])
	if err != nil {
		return fmt.Errorf("push blob %s: %w", d.Digest, err)
	}
	if location == nil {
		progress.Debugf(ctx, "blob %s was in another repository of the registry", d.Digest)
		return nil
	}
	return p.upload(ctx, d, f, location)
}

func (p *push) upload(ctx context.Context, d ocispec.Descriptor, f *os.File, location *url.URL) error {
	task := progress.From(ctx).Task("push "+d.Digest.String(), d.Size)
	err := p.session.send(ctx, d, f, location, task)
	// A registry that refuses the content may be right.
	if s := status(err); s == http.StatusBadRequest {
		err = errors.Join(err, p.client.opts.Store.Verify(ctx, d))
	}
	task.Done(err)
	if err != nil {
		return fmt.Errorf("push blob %s: %w", d.Digest, err)
	}
	return nil
}

// sources says from which other repositories of the registry blobs can be
// taken: those that the cache has images of.
func (p *push) sources(ctx context.Context) map[digest.Digest]string {
	p.once.Do(func() {
		p.found = map[digest.Digest]string{}
		all, _ := p.client.opts.Store.List(ctx)
		for _, n := range all {
			name, err := reference.Parse(n.Ref)
			if err != nil || name.Host != p.to.Host || name.Repository == p.to.Repository {
				continue
			}
			// What cannot be read can still be uploaded.
			_ = p.client.opts.Store.Walk(ctx, n.Descriptor, func(d ocispec.Descriptor, err error) error {
				if err == nil && !content.IsIndex(d.MediaType) && !content.IsManifest(d.MediaType) {
					p.found[d.Digest] = name.Repository
				}
				return nil
			})
		}
	})
	return p.found
}

// startUpload returns where a blob is to be sent, or nil if the registry could
// take it from another repository.
func (s *session) startUpload(ctx context.Context, d digest.Digest, from string) (*url.URL, error) {
	path := "/blobs/uploads/"
	if from != "" {
		path += "?" + url.Values{"mount": {d.String()}, "from": {from}}.Encode()
	}
	resp, err := s.request(ctx, http.MethodPost, path, nil, http.StatusAccepted, http.StatusCreated)
	if err != nil && from != "" && status(err) != 0 {
		return s.startUpload(ctx, d, "") // not allowed to read there
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, nil
	}
	return location(resp)
}

// location is where an answer says the upload goes on.
func location(resp *http.Response) (*url.URL, error) {
	u, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, fmt.Errorf("%w: the registry names no place for the upload (%q)", content.ErrInvalid, resp.Header.Get("Location"))
	}
	// Registries behind a proxy may not know that they are encrypted.
	if from := resp.Request.URL; u.Scheme == "http" && from.Scheme == "https" && u.Hostname() == from.Hostname() {
		u.Scheme, u.Host = "https", from.Host
	}
	return u, nil
}

// send uploads a blob. Where a transfer breaks off it goes on if the registry
// says how much it has, else from the start.
func (s *session) send(ctx context.Context, d ocispec.Descriptor, f io.ReaderAt, to *url.URL, task progress.Task) error {
	offset, pause := int64(0), firstPause
	for failed := 0; ; {
		next, err := s.patch(ctx, to, f, offset, d.Size, task)
		if err == nil {
			return s.finishUpload(ctx, next, d.Digest)
		}
		if failed++; failed >= attempts || !sendAgain(ctx, err) {
			return err
		}
		progress.Debugf(ctx, "push blob %s: %v; once more", d.Digest, err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		before := offset
		pause *= 2
		if to, offset, err = s.resume(ctx, to, d.Digest); err != nil {
			return err
		}
		if offset > before {
			failed, pause = 0, firstPause
		}
	}
}

// sendAgain tells whether an upload that failed is worth another attempt. The
// transport cannot repeat it, for it has no second copy of the body.
func sendAgain(ctx context.Context, err error) bool {
	s := status(err)
	return ctx.Err() == nil && !errors.Is(err, errPlain) && !isTLS(err) &&
		(s == 0 || passes(s) || s == http.StatusUnauthorized || s == http.StatusNotFound || s == http.StatusRequestedRangeNotSatisfiable)
}

// patch sends the bytes from offset on and returns where the upload is ended.
func (s *session) patch(ctx context.Context, to *url.URL, f io.ReaderAt, offset, size int64, task progress.Task) (*url.URL, error) {
	if offset == size && size > 0 {
		return to, nil
	}
	ctx, watch := newWatch(ctx)
	defer watch.stop()
	watch.alive()
	sent := &counter{r: io.NewSectionReader(f, offset, size-offset), task: task, alive: watch.alive}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, to.String(), io.NopCloser(sent))
	if err != nil {
		return nil, err
	}
	req.ContentLength = size - offset
	if req.ContentLength == 0 {
		req.Body = http.NoBody
	}
	header := map[string]string{"Content-Type": "application/octet-stream"}
	if offset > 0 {
		header["Content-Range"] = fmt.Sprintf("%d-%d", offset, size-1)
	}
	resp, err := s.do(req, header, http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if err != nil {
		return nil, watch.cause(err)
	}
	defer resp.Body.Close()
	return location(resp)
}

// resume asks how much of an upload the registry has, and starts another if it
// does not say.
func (s *session) resume(ctx context.Context, to *url.URL, d digest.Digest) (*url.URL, int64, error) {
	resp, err := s.request(ctx, http.MethodGet, to.String(), nil, http.StatusNoContent, http.StatusOK, http.StatusAccepted)
	if err == nil {
		defer resp.Body.Close()
		_, last, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "-")
		n, err := strconv.ParseInt(last, 10, 64)
		if next, locationErr := location(resp); ok && err == nil && n > 0 && locationErr == nil {
			return next, n + 1, nil
		}
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	next, err := s.startUpload(ctx, d, "")
	if err == nil && next == nil {
		err = fmt.Errorf("%w: the registry has the blob although it was not sent", content.ErrInvalid)
	}
	return next, 0, err
}

// finishUpload makes the registry compare what it got with the digest.
func (s *session) finishUpload(ctx context.Context, to *url.URL, d digest.Digest) error {
	query := to.Query()
	query.Set("digest", d.String())
	to.RawQuery = query.Encode()
	resp, err := s.request(ctx, http.MethodPut, to.String(), map[string]string{"Content-Type": "application/octet-stream"}, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// stall is how long a transfer may stand still.
var stall = time.Minute

var manifestTypes = strings.Join([]string{
	ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest,
	content.MediaTypeDockerList, content.MediaTypeDockerManifest,
}, ", ")

// manifest fetches what object, a tag or digest, names.
func (s *session) manifest(ctx context.Context, object string) (ocispec.Descriptor, []byte, error) {
	resp, err := s.get(ctx, "/manifests/"+object, map[string]string{"Accept": manifestTypes})
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	defer resp.Body.Close()
	data, err := readManifest(resp.Body)
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	d := digest.Canonical.FromBytes(data)
	if want := digest.Digest(object); want.Validate() == nil {
		if d = want; want.Algorithm().FromBytes(data) != want {
			return ocispec.Descriptor{}, nil, fmt.Errorf("%w: the registry's answer does not have digest %s", content.ErrCorrupt, want)
		}
	}
	mediaType, err := content.DetectMediaType(data)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}, data, err
}

func readManifest(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, content.MaxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > content.MaxManifest {
		return nil, fmt.Errorf("%w: manifest has more than %d bytes", content.ErrInvalid, content.MaxManifest)
	}
	return data, nil
}

// blob brings one blob into the store, unless it is there or another process
// is quicker.
func (c *Client) blob(ctx context.Context, s *session, desc ocispec.Descriptor) error {
	if c.opts.Store.Has(ctx, desc) {
		return nil
	}
	unlock, err := c.opts.Store.LockBlob(ctx, desc.Digest)
	if err != nil {
		return err
	}
	defer unlock()
	if c.opts.Store.Has(ctx, desc) {
		return nil
	}
	return c.fetch(ctx, s, desc)
}

// fetch downloads a blob, whether it is there or not.
func (c *Client) fetch(ctx context.Context, s *session, desc ocispec.Descriptor) error {
	task := progress.From(ctx).Task("pull "+desc.Digest.String(), desc.Size)
	err := c.download(ctx, s, "/blobs/"+desc.Digest.String(), desc, task)
	if status(err) == http.StatusNotFound {
		err = c.foreign(ctx, desc, task, err)
	}
	task.Done(err)
	if err != nil {
		return fmt.Errorf("pull blob %s: %w", desc.Digest, err)
	}
	return nil
}

// foreign downloads a blob that its registry does not hold from where the
// manifest says that it may be found. No credentials are sent there.
func (c *Client) foreign(ctx context.Context, desc ocispec.Descriptor, task progress.Task, missing error) error {
	err := missing
	for _, address := range desc.URLs {
		u, parseErr := url.Parse(address)
		if parseErr != nil || u.Scheme != "https" || u.User != nil {
			continue
		}
		base, connectErr := c.connect()
		if connectErr != nil {
			return connectErr
		}
		s := &session{http: &http.Client{Transport: &retrier{inner: &policy{inner: base}}}}
		if err = c.download(ctx, s, address, desc, task); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// download writes a blob, going on where a broken transfer ended.
func (c *Client) download(ctx context.Context, s *session, from string, desc ocispec.Descriptor, task progress.Task) error {
	w, err := c.opts.Store.Create(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	w.Replace = true
	pause := firstPause
	for failed := 0; w.Size() < desc.Size; {
		before := w.Size()
		err := s.part(ctx, from, desc, w, task)
		if err == nil || w.Size() >= desc.Size {
			break
		}
		if w.Size() > before {
			failed, pause = 0, firstPause
		}
		if failed++; failed >= attempts || !again(ctx, err) {
			return err
		}
		progress.Debugf(ctx, "pull blob %s: %v; going on at byte %d", desc.Digest, err, w.Size())
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
	if w.Size() != desc.Size {
		return fmt.Errorf("%w: %d bytes instead of %d", content.ErrSize, w.Size(), desc.Size)
	}
	_, err = w.Commit(ctx, desc.MediaType, desc.Digest)
	return err
}

// errDisk marks failures to write, which asking again does not mend.
type errDisk struct{ error }

func (e errDisk) Unwrap() error { return e.error }

// part transfers from the end of w to the end of the blob.
func (s *session) part(ctx context.Context, from string, desc ocispec.Descriptor, w *content.Writer, task progress.Task) error {
	ctx, watch := newWatch(ctx)
	defer watch.stop()
	start := w.Size()
	header := map[string]string{}
	if start > 0 {
		header["Range"] = "bytes=" + strconv.FormatInt(start, 10) + "-"
	}
	resp, err := s.get(ctx, from, header)
	if err != nil {
		return watch.cause(err)
	}
	defer resp.Body.Close()
	// Only what is waited for now counts as standing still.
	watch.alive()
	body := &counter{r: resp.Body, task: task, alive: watch.alive}
	if err := skip(resp, body, start); err != nil {
		return watch.cause(err)
	}
	_, err = io.Copy(diskWriter{w}, io.LimitReader(body, desc.Size-start+1))
	if err == nil && w.Size() < desc.Size {
		err = io.ErrUnexpectedEOF
	}
	return watch.cause(err)
}

// skip brings an answer that ignores the range to where it was to start.
func skip(resp *http.Response, body io.Reader, start int64) error {
	if start == 0 {
		return nil
	}
	if resp.StatusCode == http.StatusOK {
		_, err := io.CopyN(io.Discard, body, start)
		return err
	}
	if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", start)) {
		return fmt.Errorf("%w: the registry sent range %q instead of what starts at %d", content.ErrInvalid, got, start)
	}
	return nil
}

type diskWriter struct{ w io.Writer }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		err = errDisk{err}
	}
	return n, err
}

type counter struct {
	r     io.Reader
	task  progress.Task
	alive func()
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.task.Add(int64(n))
	c.alive()
	return n, err
}

// again tells whether a transfer that broke off is worth another attempt.
// Requests that were not answered have been repeated already.
func again(ctx context.Context, err error) bool {
	var disk errDisk
	var unanswered *url.Error
	switch {
	case ctx.Err() != nil, errors.As(err, &disk), errors.Is(err, content.ErrInvalid), errors.Is(err, errPlain):
		return false
	case errors.Is(err, errStalled):
		return true
	default:
		return !errors.As(err, &unanswered) && status(err) == 0
	}
}

// unreachable marks errors that are not answers of a registry.
func unreachable(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || status(err) != 0 || errors.Is(err, content.ErrInvalid) || errors.Is(err, content.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", image.ErrUnreachable, err)
}

package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/moby/buildkit/util/entitlements"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/image"
)

// pingTime is how long a daemon may take to show that it is there.
const pingTime = 10 * time.Second

// beatTime is the time between signs of life during a build.
const beatTime = 5 * time.Second

// solve has c build r and writes the image to w, as a tar of an OCI layout.
func solve(ctx context.Context, c *client.Client, r Request, w io.Writer) error {
	opt, done, err := r.options(ctx, c, w)
	if err != nil {
		return err
	}
	defer done()
	g, gctx := errgroup.WithContext(ctx)
	go beat(gctx, c)
	status, shown := make(chan *client.SolveStatus), make(chan *client.SolveStatus)
	var last tail
	g.Go(func() error { return r.Progress.show(shown) })
	g.Go(func() error { last.follow(status, shown); return nil })
	g.Go(func() error {
		_, err := c.Solve(gctx, nil, opt, status)
		return err
	})
	if err = g.Wait(); err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	asking, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	host, lost := hostPlatform(asking, c)
	if errors.Is(lost, ErrLost) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return r.explain(err, &last, host)
}

// beat sends something now and then. A host that has vanished from the network
// during a long step is only noticed by what it does not acknowledge.
func beat(ctx context.Context, c *client.Client) {
	for sleep(ctx, beatTime) == nil {
		_, _ = c.ListWorkers(ctx) // solving tells what is wrong
	}
}

// explain adds to an error what the user has not seen, and how to mend it.
func (r Request) explain(err error, last *tail, host ocispec.Platform) error {
	lines := last.String()
	if !r.Progress.visible() && lines != "" {
		err = fmt.Errorf("%w; the last lines of this step:\n%s", err, lines)
	}
	text := err.Error() + lines
	if strings.Contains(text, "executor failed running [/dev/.buildkit_qemu_emulator") ||
		strings.Contains(text, "exec format error") && host.Architecture != r.Platform.Architecture {
		return fmt.Errorf("buildkit was unable to emulate %s. check binfmt has been set up and works for this platform (on Debian, the package qemu-user-static does it, on the host of the builder): %w",
			image.Format(r.Platform), err)
	}
	return err
}

// options is the request in the words of BuildKit.
func (r Request) options(ctx context.Context, c *client.Client, w io.Writer) (client.SolveOpt, func(), error) {
	attrs, err := r.attributes()
	if err != nil {
		return client.SolveOpt{}, nil, err
	}
	opt := client.SolveOpt{Frontend: "dockerfile.v0", FrontendAttrs: attrs, Exports: []client.ExportEntry{r.export(w)}}
	if r.Network == "host" {
		opt.AllowedEntitlements = []string{string(entitlements.EntitlementNetworkHost)}
	}
	if err := r.offer(ctx, c, &opt); err != nil {
		return opt, nil, err
	}
	if opt.Session, err = r.attachables(); err != nil {
		return opt, nil, err
	}
	up := uploadprovider.New()
	stream, writer := io.Pipe()
	attrs["context"] = up.Add(stream)
	opt.Session = append(opt.Session, up)
	go func() { writer.CloseWithError(writeContext(ctx, writer, r)) }()
	return opt, func() { stream.CloseWithError(errors.New("the build has ended")) }, nil
}

// attributes are those of the frontend for Dockerfiles.
func (r Request) attributes() (map[string]string, error) {
	attrs := map[string]string{
		"platform":               image.Format(r.Platform),
		"filename":               r.Dockerfile,
		"attest:provenance":      "mode=min,version=v1",
		"build-arg:" + epochName: strconv.FormatInt(r.Time.Unix(), 10),
	}
	for _, name := range proxies {
		if value, ok := os.LookupEnv(name); ok {
			attrs["build-arg:"+name] = value
		}
	}
	for k, v := range r.Args {
		attrs["build-arg:"+k] = v
	}
	for k, v := range r.Labels {
		attrs["label:"+k] = v
	}
	if r.NoCache {
		attrs["no-cache"] = ""
	}
	switch r.SBOM {
	case NoScanner:
	case DefaultScanner:
		attrs["attest:sbom"] = ""
	default:
		attrs["attest:sbom"] = "generator=" + r.SBOM
	}
	switch r.Network {
	case "none", "host":
		attrs["force-network-mode"] = r.Network
	case "default", "":
		attrs["force-network-mode"] = "sandbox"
	default:
		return nil, fmt.Errorf("unsupported network mode %q", r.Network)
	}
	return attrs, nil
}

// epochName is the build argument that BuildKit takes the time of files from.
const epochName = "SOURCE_DATE_EPOCH"

// proxies are the variables that programs read to find a proxy.
var proxies = []string{
	"http_proxy", "https_proxy", "no_proxy", "ftp_proxy", "all_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY",
}

func (r Request) export(w io.Writer) client.ExportEntry {
	return client.ExportEntry{
		Type:   client.ExporterOCI,
		Attrs:  map[string]string{"name": r.Name, "rewrite-timestamp": "true"},
		Output: func(map[string]string) (io.WriteCloser, error) { return nopCloser{w}, nil },
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// offer names the images that the daemon can take from the cache.
func (r Request) offer(ctx context.Context, c *client.Client, opt *client.SolveOpt) error {
	if r.Store == nil || r.Images == nil {
		return nil
	}
	host, err := hostPlatform(ctx, c)
	if err != nil {
		return err
	}
	found, err := r.Images(host)
	if err != nil || len(found) == 0 {
		return err
	}
	for name, d := range found {
		opt.FrontendAttrs["context:"+name] = "oci-layout://" + storeName + "@" + d.String()
	}
	opt.OCIStores = map[string]content.Store{storeName: store{r.Store}}
	return nil
}

// hostPlatform is what the daemon runs without emulation.
func hostPlatform(ctx context.Context, c *client.Client) (ocispec.Platform, error) {
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		return ocispec.Platform{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if len(workers) == 0 || len(workers[0].Platforms) == 0 {
		return ocispec.Platform{}, errors.New("the BuildKit daemon has no worker")
	}
	return workers[0].Platforms[0], nil
}

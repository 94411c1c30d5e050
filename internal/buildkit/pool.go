package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/progress"
)

// Config says which daemons to use.
type Config struct {
	// Host is the address for builds that name no builder; empty means to look
	// for a docker context, docker itself, and buildkitd on the PATH, in this
	// order.
	Host string
	// Container is what the builder container has to be like.
	Container Container
}

// Pool finds daemons and keeps them for its life. It is safe for concurrent
// use and must be closed.
type Pool struct {
	config Config

	mu       sync.Mutex
	known    map[string]*builder // by address or context
	children []*child
}

// NewPool returns a pool; nothing is contacted before the first build.
func NewPool(c Config) *Pool {
	c.Container.setDefaults()
	return &Pool{config: c, known: map[string]*builder{}}
}

// builder is one daemon.
type builder struct {
	name  string
	once  sync.Once
	ready error
	c     *client.Client

	// guarded by the lock of the pool
	busy    int
	visited bool // by Usage or Prune
	lost    error
}

// Close ends the connections, and the daemons that were started here and that
// nobody else uses.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, b := range p.known {
		if b.c != nil {
			b.c.Close()
		}
	}
	for _, d := range p.children {
		errs = append(errs, d.stop(ctx))
	}
	p.known, p.children = map[string]*builder{}, nil
	return errors.Join(errs...)
}

// Build builds r and writes the image to w, as a tar of an OCI layout. After
// [ErrLost] it can be asked again with a new writer: the daemon that was lost is
// not used any more, and if no other serves the platform the error is
// [ErrNoBuilder].
func (p *Pool) Build(ctx context.Context, r Request, w io.Writer) error {
	if err := r.Progress.Check(); err != nil {
		return err
	}
	b, err := p.take(ctx, r.Platform, r.Builders)
	if err != nil {
		return err
	}
	defer p.release(b)
	progress.Debugf(ctx, "building %s with %s", r.Name, b.name)
	err = solve(ctx, b.c, r, w)
	if errors.Is(err, ErrLost) {
		p.lose(b, err)
		return fmt.Errorf("%s: %w", b.name, err)
	}
	return err
}

// take returns the least busy of the named daemons, connected.
func (p *Pool) take(ctx context.Context, platform ocispec.Platform, names []string) (*builder, error) {
	for {
		b, err := p.choose(ctx, platform, names)
		if err != nil {
			return nil, err
		}
		b.once.Do(func() { b.c, b.ready = p.connect(ctx, b.name, len(names) > 0) })
		if b.ready == nil {
			return b, nil
		}
		p.release(b)
		if len(names) < 2 || ctx.Err() != nil {
			return nil, b.ready
		}
		progress.Warnf(ctx, "%v", b.ready)
		p.lose(b, b.ready)
	}
}

// choose picks among the daemons that are not lost.
func (p *Pool) choose(ctx context.Context, platform ocispec.Platform, names []string) (*builder, error) {
	if len(names) == 0 {
		name, err := p.fallback(ctx, platform)
		if err != nil {
			return nil, err
		}
		names = []string{name}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *builder
	var lost []error
	for _, name := range names {
		b := p.known[name]
		if b == nil {
			b = &builder{name: name}
			p.known[name] = b
		}
		if b.lost != nil {
			lost = append(lost, b.lost)
		} else if best == nil || b.busy < best.busy {
			best = b
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w for %s: %s", ErrNoBuilder, image.Format(platform), errors.Join(lost...))
	}
	best.busy++
	return best, nil
}

func (p *Pool) release(b *builder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.busy--
}

func (p *Pool) lose(b *builder, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.lost = err
}

// fallback is the daemon for platforms that none is named for.
func (p *Pool) fallback(ctx context.Context, platform ocispec.Platform) (string, error) {
	if p.config.Host != "" {
		return p.config.Host, nil
	}
	own := docker{context: "linuxkit-" + strings.ReplaceAll(image.Format(platform), "/", "-")}
	if own.exists(ctx) {
		return own.context, nil
	}
	why := docker{context: defaultContext}.usable(ctx)
	if why == nil {
		return defaultContext, nil
	}
	if _, err := findChild(p.config.Container.ConfigPath); err != nil {
		return "", fmt.Errorf("%w: set BUILDKIT_HOST to the address of one, install docker (%w), or buildkitd (%w)", ErrNoBuilder, why, err)
	}
	return ChildAddress, nil
}

// connect makes the daemon of that name ready; named tells whether the user
// has given the name.
func (p *Pool) connect(ctx context.Context, name string, named bool) (*client.Client, error) {
	address := name
	switch {
	case name == ChildAddress:
		d, err := p.startChild(ctx)
		if err != nil {
			return nil, err
		}
		address = d.address()
	case !IsAddress(name):
		if err := p.config.Container.ensure(ctx, name, named); err != nil {
			return nil, fmt.Errorf("unable to ensure builder container: %w", err)
		}
		address = p.config.Container.address(name)
	}
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	// Another process may have started the container just now.
	if err := greet(ctx, c, !IsAddress(name)); err != nil {
		c.Close()
		return nil, fmt.Errorf("could not communicate with BuildKit at %s: %w", address, err)
	}
	return c, nil
}

// greet waits until the daemon answers, or until it does not; a daemon that
// starts is asked again.
func greet(ctx context.Context, c *client.Client, starts bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		_, err := c.ListWorkers(ctx)
		if err == nil || !starts || sleep(ctx, readyPoll) != nil {
			return err
		}
	}
}

func (p *Pool) startChild(ctx context.Context) (*child, error) {
	d, err := findChild(p.config.Container.ConfigPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBuilder, err)
	}
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.children = append(p.children, d)
	return d, nil
}

// HostFromEnv is the address in BUILDKIT_HOST, which buildctl reads too.
func HostFromEnv() string { return os.Getenv("BUILDKIT_HOST") }

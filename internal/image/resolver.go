package image

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/progress"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// ErrUnreachable is what a [Remote] returns, wrapped, if the registry does not
// answer.
var ErrUnreachable = errors.New("registry cannot be reached")

// Remote fetches images from registries.
type Remote interface {
	// Pull stores ref for the platforms, all if there are none, names it ref
	// in the cache and returns what it names. The first answer of the registry
	// is waited for no longer than patience, zero means as long as it takes;
	// after that the error is [ErrUnreachable].
	Pull(ctx context.Context, ref string, platforms []ocispec.Platform, patience time.Duration) (ocispec.Descriptor, error)
}

// Place is somewhere that may have an image which is to be used instead of the
// cached one, such as a container engine.
type Place interface {
	// Find brings the image into the store and returns its manifest or index.
	// If the place does not have it for the platform, or does not answer, the
	// error is [content.ErrNotFound].
	Find(ctx context.Context, ref string, p ocispec.Platform) (ocispec.Descriptor, error)
}

// Found is an image that was found and is about to be used.
type Found struct {
	// Ref is the name it was asked for by.
	Ref string
	// Root is what the name stands for, Manifest the image of one platform;
	// they are equal for an image without index and for a whole layout.
	Root, Manifest ocispec.Descriptor
	// Platform is the one that was asked for, empty for a whole layout.
	Platform ocispec.Platform
	// Image is that of the platform; nil for layouts, of which also matters how
	// they are stored.
	Image *Image
	// Built says that this program built the image on this machine.
	Built bool
}

// shortPatience is how long a registry is waited for if the image might be
// built instead.
const shortPatience = 3 * time.Second

// Resolver finds images.
type Resolver struct {
	// Store is the cache; it must be set.
	Store *content.Store
	// Remote is asked for what the cache lacks; nil means there is none.
	Remote Remote
	// Pull asks the registry first and makes its failure final.
	Pull bool
	// Bare finds images whose layers are not in the cache, too.
	Bare bool
	// Build makes an image that is nowhere else and puts it into the cache.
	// It returns false if it does not know ref. It may be nil.
	Build func(ctx context.Context, ref string, p ocispec.Platform) (bool, error)
	// Before is asked for an image before the cache is, unless Pull is set. A
	// [Layout] is not looked for there.
	Before []Place
	// Check decides whether an image may be used, wherever it was found; its
	// error is final. It may be nil.
	Check func(ctx context.Context, f Found) error
	// Pin returns the digest that an image must have, "" if it may have any;
	// its error is final. It may be nil.
	Pin func(ref string) (digest.Digest, error)

	mu          sync.Mutex
	unreachable map[string]error // by host, for the life of the resolver
}

// Image finds the image of one platform.
func (r *Resolver) Image(ctx context.Context, ref string, p ocispec.Platform) (*Image, error) {
	var img *Image
	use := func(root ocispec.Descriptor) (err error) {
		if img, err = open(ctx, r.Store, ref, root, p, r.Bare); err != nil {
			return err
		}
		return r.check(ctx, img, p)
	}
	for _, place := range r.Before {
		if r.Pull {
			break
		}
		root, err := place.Find(ctx, ref, p)
		if err == nil {
			err = r.openPlace(ref, root, use)
		}
		if err == nil {
			return img, nil
		}
		if !elsewhere(err) {
			return nil, err
		}
		progress.Debugf(ctx, "%v", err)
	}
	if err := r.find(ctx, ref, []ocispec.Platform{p}, use); err != nil {
		return nil, err
	}
	return img, nil
}

// Cached finds the image of one platform where nothing has to be fetched or
// built. The error is [content.ErrNotFound], among others, if there is none.
func (r *Resolver) Cached(ctx context.Context, ref string, p ocispec.Platform) (*Image, error) {
	local := &Resolver{Store: r.Store, Before: r.Before, Check: r.Check, Pin: r.Pin}
	return local.Image(ctx, ref, p)
}

// openPlace opens what a place has, unless another image is wanted.
func (r *Resolver) openPlace(ref string, root ocispec.Descriptor, open func(ocispec.Descriptor) error) error {
	want, err := r.pinned(ref)
	if err != nil {
		return err
	}
	if want != "" && want != root.Digest {
		return fmt.Errorf("image %s: %w: %s is wanted and %s was found", ref, content.ErrNotFound, want, root.Digest)
	}
	return open(root)
}

func (r *Resolver) check(ctx context.Context, img *Image, p ocispec.Platform) error {
	if r.Check == nil {
		return nil
	}
	return r.Check(ctx, Found{
		Ref: img.Ref, Root: img.Root, Manifest: img.Descriptor, Platform: p,
		Image: img, Built: r.builtHere(ctx, img.Ref, img.Descriptor, p),
	})
}

// builtHere tells whether the cache says so of the name that the image has by
// its architecture.
func (r *Resolver) builtHere(ctx context.Context, ref string, manifest ocispec.Descriptor, p ocispec.Platform) bool {
	all, err := r.Store.List(ctx)
	if err != nil {
		return false
	}
	name := ArchName(ref, p)
	for _, n := range all {
		if n.Ref == name && n.Annotations[AnnotationBuilt] != "" {
			return holds(ctx, r.Store, n.Descriptor, manifest)
		}
	}
	return false
}

// findNamed looks for what ref stands for now.
func (r *Resolver) findNamed(ctx context.Context, ref string, platforms []ocispec.Platform, open func(root ocispec.Descriptor) error) error {
	if r.Pull {
		return r.pullAndOpen(ctx, ref, platforms, 0, open)
	}
	cached := r.openCached(ctx, ref, open)
	if cached == nil || !elsewhere(cached) {
		return cached
	}
	remote := r.pullAndOpen(ctx, ref, platforms, r.patience(), open)
	if remote == nil || ctx.Err() != nil {
		return remote
	}
	if r.Build != nil {
		known, err := r.build(ctx, ref, platforms)
		if err != nil {
			return err
		}
		if known {
			return r.openCached(ctx, ref, open)
		}
		if errors.Is(remote, errImpatient) {
			remote = r.pullAndOpen(ctx, ref, platforms, 0, open)
		}
	}
	return notFound(cached, remote)
}

// patience is how long a registry is waited for.
func (r *Resolver) patience() time.Duration {
	if r.Build == nil {
		return 0
	}
	return shortPatience
}

func (r *Resolver) openCached(ctx context.Context, ref string, open func(ocispec.Descriptor) error) error {
	root, err := r.Store.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	return open(root)
}

// elsewhere tells whether another place may mend an error of the cache.
func elsewhere(err error) bool {
	return errors.Is(err, content.ErrNotFound) || errors.Is(err, content.ErrCorrupt) || errors.Is(err, ErrNoPlatform)
}

// errImpatient marks a failure that more patience could have avoided.
var errImpatient = errors.New("did not wait longer")

var errNoRemote = errors.New("no registry is used")

func (r *Resolver) pullAndOpen(ctx context.Context, ref string, platforms []ocispec.Platform, patience time.Duration, open func(ocispec.Descriptor) error) error {
	if r.Remote == nil {
		return errNoRemote
	}
	name, err := reference.Parse(ref)
	if err != nil {
		return err
	}
	if err := r.known(name.Host); err != nil && patience > 0 {
		return err
	}
	root, err := r.Remote.Pull(ctx, ref, platforms, patience)
	if errors.Is(err, ErrUnreachable) && patience > 0 {
		err = fmt.Errorf("%w (%w)", err, errImpatient)
		r.remember(ctx, name.Host, err)
	}
	if err != nil {
		return err
	}
	return open(root)
}

func (r *Resolver) known(host string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unreachable[host]
}

func (r *Resolver) remember(ctx context.Context, host string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unreachable == nil {
		r.unreachable = map[string]error{}
	}
	if r.unreachable[host] == nil {
		progress.Debugf(ctx, "registry %s is not asked any more: %v", host, err)
	}
	r.unreachable[host] = err
}

func (r *Resolver) build(ctx context.Context, ref string, platforms []ocispec.Platform) (known bool, err error) {
	for _, p := range platforms {
		known, err = r.Build(ctx, ref, p)
		if err != nil {
			return known, fmt.Errorf("build image %s for %s: %w", ref, Format(p), err)
		}
		if !known {
			return false, nil
		}
	}
	return known, nil
}

// notFound joins why the cache and why the registry did not do.
func notFound(cached, remote error) error {
	if errors.Is(remote, errNoRemote) {
		return cached
	}
	return fmt.Errorf("%w, and it cannot be pulled: %w", cached, remote)
}

package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/linuxkit/linuxkit/internal/content"
	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/reference"
)

// Checker applies a policy to images of a store.
type Checker struct {
	Policy *Policy
	Store  *content.Store
	// Fetch brings what the registry has about a manifest into the store, see
	// [registry.Client.PullSignatures]. It is asked only if what is there does
	// not satisfy the policy; nil means offline.
	Fetch func(ctx context.Context, ref string, d digest.Digest) error
}

// Check returns [ErrRefused], wrapped, for an image that may not be used.
func (c *Checker) Check(ctx context.Context, f image.Found) error {
	if f.Built && !c.Policy.builds {
		return nil
	}
	name, err := reference.Parse(f.Ref)
	if err != nil {
		return err
	}
	r := c.Policy.rule(name)
	if err := c.apply(ctx, r, name, f); err != nil {
		return fmt.Errorf("policy %s: image %s (%s) is %w: %w", c.Policy.Name, f.Ref, f.Root.Digest, ErrRefused, err)
	}
	return nil
}

// rule returns the first that matches, nil if none does. Patterns are compared
// with the name without tag, and with the tag.
func (p *Policy) rule(name reference.Reference) *rule {
	names := []string{name.Locator()}
	switch {
	case name.Tag != "":
		names = append(names, name.Locator()+":"+name.Tag)
	case name.Digest == "":
		names = append(names, name.Locator()+":"+reference.DefaultTag)
	}
	for i := range p.rules {
		if anyMatch(p.rules[i].images, names...) {
			return &p.rules[i]
		}
	}
	return nil
}

func (c *Checker) apply(ctx context.Context, r *rule, name reference.Reference, f image.Found) error {
	switch {
	case r == nil && c.Policy.accept, r != nil && r.accept:
		return nil
	case r == nil:
		return errors.New("no rule is about it")
	case r.reject:
		return fmt.Errorf("%s rejects it", r.label)
	}
	if len(r.digests) > 0 && !slices.Contains(r.digests, f.Root.Digest) && !slices.Contains(r.digests, f.Manifest.Digest) {
		return fmt.Errorf("%s demands another digest", r.label)
	}
	if len(r.keys)+len(r.who) == 0 {
		return nil
	}
	return c.signed(ctx, r, name, f)
}

// signed looks for a signature of the index or of the image: who signs an
// index signs all that it lists.
func (c *Checker) signed(ctx context.Context, r *rule, name reference.Reference, f image.Found) error {
	digests := []digest.Digest{f.Root.Digest}
	if f.Manifest.Digest != f.Root.Digest {
		digests = append(digests, f.Manifest.Digest)
	}
	why := &reasons{}
	for _, d := range digests {
		if c.satisfied(ctx, r, name, d, why) {
			return nil
		}
	}
	var unasked error
	for _, d := range digests {
		if c.Fetch == nil {
			break
		}
		if err := c.Fetch(ctx, f.Ref, d); err != nil {
			unasked = errors.Join(unasked, err)
			if errors.Is(err, image.ErrUnreachable) {
				break
			}
			continue
		}
		if c.satisfied(ctx, r, name, d, why) {
			return nil
		}
	}
	err := fmt.Errorf("%s demands a signature by %s; %s", r.label, r.signers(), why)
	if unasked != nil {
		err = fmt.Errorf("%w; the registry could not be asked for others: %w", err, unasked)
	}
	return err
}

func (r *rule) signers() string {
	var all []string
	for _, k := range r.keys {
		all = append(all, k.name)
	}
	for _, i := range r.who {
		all = append(all, i.String())
	}
	return strings.Join(all, " or ")
}

// satisfied tells whether one of the signatures in the store is one that the
// rule demands.
func (c *Checker) satisfied(ctx context.Context, r *rule, name reference.Reference, d digest.Digest, why *reasons) bool {
	all, err := signatures(ctx, c.Store, name, d)
	if err != nil {
		why.add(err)
	}
	for _, s := range all {
		err := s.about(d, name, r.signedAs)
		if err == nil {
			err = c.Policy.signedBy(s, r)
		}
		if err == nil {
			return true
		}
		why.add(err)
	}
	return false
}

// signedBy tells whether a key or identity of the rule made the signature.
func (p *Policy) signedBy(s signature, r *rule) error {
	for _, k := range r.keys {
		if verify(k.key, s.signed, s.sig) {
			return nil
		}
	}
	if len(r.who) > 0 && len(s.certificate) > 0 {
		return p.keyless.verify(s, r.who)
	}
	return errors.New("a signature is by another key")
}

// reasons gathers why signatures did not do, each once.
type reasons struct{ all []string }

func (r *reasons) add(err error) {
	if text := err.Error(); !slices.Contains(r.all, text) {
		r.all = append(r.all, text)
	}
}

func (r *reasons) String() string {
	if len(r.all) == 0 {
		return "there is none"
	}
	return strings.Join(r.all, "; ")
}

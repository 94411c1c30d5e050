package content

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/linuxkit/linuxkit/internal/reference"
)

// maxIndex bounds index.json, in bytes.
const maxIndex = 64 << 20

// Named is an entry of the index.
type Named struct {
	Ref string
	ocispec.Descriptor
}

func emptyIndex() *ocispec.Index {
	i := &ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	i.SchemaVersion = 2
	return i
}

// encodeIndex writes as LinuxKit does: compact if empty, else indented.
func encodeIndex(i *ocispec.Index) ([]byte, error) {
	if len(i.Manifests) == 0 {
		return json.Marshal(i)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "   ")
	if err := enc.Encode(i); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func decodeIndex(data []byte) (*ocispec.Index, error) {
	i := emptyIndex()
	if err := json.Unmarshal(data, i); err != nil {
		return nil, err
	}
	if i.Manifests == nil {
		i.Manifests = []ocispec.Descriptor{}
	}
	return i, nil
}

func (s *Store) readIndex() (*ocispec.Index, error) {
	f, err := os.Open(s.path(indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return emptyIndex(), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxIndex {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrInvalid, f.Name(), maxIndex)
	}
	return decodeIndex(data)
}

// load returns the index, which the caller must not change, without waiting
// for writers. LinuxKit writes it in place, so one that does not parse is read
// once more under the lock.
func (s *Store) load(ctx context.Context) (*ocispec.Index, error) {
	info, statErr := os.Stat(s.path(indexFile))
	if i := s.index.of(info); i != nil {
		return i, nil
	}
	i, err := s.readIndex()
	if err == nil {
		if statErr == nil {
			s.index.set(info, i)
		}
		return i, nil
	}
	if unlock, lockErr := s.lock(ctx); lockErr == nil {
		i, err = s.readIndex()
		unlock()
	}
	if err != nil {
		return nil, fmt.Errorf("%s of the cache is damaged, restore or remove it: %w", s.path(indexFile), err)
	}
	return i, nil
}

// indexMemo is the index as it was read last, for the many images of a system.
type indexMemo struct {
	mu    sync.Mutex
	info  fs.FileInfo
	index *ocispec.Index
}

// of returns the index if its file is still the one that info describes.
func (m *indexMemo) of(info fs.FileInfo) *ocispec.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	if info == nil || m.info == nil || !os.SameFile(info, m.info) || info.Size() != m.info.Size() || !info.ModTime().Equal(m.info.ModTime()) {
		return nil
	}
	return m.index
}

// set remembers the index of a file that has been at rest for so long that
// another change would show in its time.
func (m *indexMemo) set(info fs.FileInfo, i *ocispec.Index) {
	if time.Since(info.ModTime()) < 2*time.Second {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.info, m.index = info, i
}

// List returns all names, sorted. Entries without name are left out.
func (s *Store) List(ctx context.Context) ([]Named, error) {
	i, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	var all []Named
	for _, d := range i.Manifests {
		if name := d.Annotations[ocispec.AnnotationRefName]; name != "" {
			all = append(all, Named{Ref: name, Descriptor: d})
		}
	}
	sort.SliceStable(all, func(a, b int) bool { return all[a].Ref < all[b].Ref })
	return all, nil
}

// Resolve finds an image by name: by exactly this name, else by another that
// means the same, else by the digest in it. What a name with a digest resolves
// to has that digest.
func (s *Store) Resolve(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	i, err := s.load(ctx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if d := find(i, ref); d != nil {
		return *d, nil
	}
	if parsed, err := reference.Parse(ref); err == nil && parsed.Digest != "" {
		return s.byDigest(ctx, parsed)
	}
	return ocispec.Descriptor{}, fmt.Errorf("%s: %w", ref, ErrNotFound)
}

func find(i *ocispec.Index, ref string) *ocispec.Descriptor {
	parsed, parseErr := reference.Parse(ref)
	usable := func(d *ocispec.Descriptor) bool {
		return parseErr != nil || parsed.Digest == "" || parsed.Digest == d.Digest
	}
	match := func(same func(name string) bool) *ocispec.Descriptor {
		for n := len(i.Manifests) - 1; n >= 0; n-- {
			d := &i.Manifests[n]
			if name := d.Annotations[ocispec.AnnotationRefName]; name != "" && same(name) && usable(d) {
				return d
			}
		}
		return nil
	}
	if d := match(func(name string) bool { return name == ref }); d != nil {
		return d
	}
	if d := match(func(name string) bool { return reference.Same(name, ref) }); d != nil {
		return d
	}
	if parseErr == nil && parsed.Digest != "" {
		return match(func(string) bool { return true })
	}
	return nil
}

// byDigest finds a manifest that no entry names but that is there.
func (s *Store) byDigest(ctx context.Context, ref reference.Reference) (ocispec.Descriptor, error) {
	data, err := s.ReadAll(ctx, ocispec.Descriptor{Digest: ref.Digest})
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", ref, err)
	}
	mediaType, err := DetectMediaType(data)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", ref, err)
	}
	return ocispec.Descriptor{MediaType: mediaType, Digest: ref.Digest, Size: int64(len(data))}, nil
}

package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/linuxkit/linuxkit/internal/deb"
	"github.com/linuxkit/linuxkit/internal/format/linuximage"
	"github.com/linuxkit/linuxkit/internal/kmod"
)

const (
	modulesDir     = "lib/modules/"
	treesDir       = "boot/dtb/"
	maxKernelImage = 512 << 20
)

// kernelSource is what Debian's packages of one kernel hold.
type kernelSource struct {
	tree           // lib/modules and boot/dtb, with final names
	version string // as uname -r says
	image   *node  // boot/vmlinuz-*
	config  *node  // boot/config-*
	modules *kmod.Set
}

// unpack reads the packages; their control data goes to out.
func (k *kernelSource) unpack(ctx context.Context, j *job, packages []lockedPackage, out *tree) error {
	for _, p := range packages {
		err := readDeb(ctx, j.store, p, deb.Visitor{
			Control: func(name string, data []byte) error {
				if name == "control" {
					out.add(statusDir+p.Name, bytesFile(0o644, data))
				}
				return nil
			},
			Data: func(h *tar.Header, r io.Reader) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return k.take(h, r)
			},
		})
		if err != nil {
			return fmt.Errorf("unpack Debian package %s: %w", p.Name, err)
		}
	}
	if k.image == nil || k.config == nil || k.version == "" {
		return fmt.Errorf("%w: the packages hold no kernel with configuration and modules", ErrRecipe)
	}
	return nil
}

// take keeps an entry that belongs to the kernel.
func (k *kernelSource) take(h *tar.Header, r io.Reader) error {
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	name := strings.TrimPrefix(h.Name, "usr/")
	base := path.Base(name)
	isModule := strings.HasPrefix(name, modulesDir)
	isBoot := path.Dir(name) == "boot"
	isImage := isBoot && (strings.HasPrefix(base, "vmlinuz-") || strings.HasPrefix(base, "vmlinux-"))
	isConfig := isBoot && strings.HasPrefix(base, "config-")
	treeName := deviceTreeName(name)
	if !isModule && !isImage && !isConfig && treeName == "" {
		return nil
	}
	n := &node{typeflag: tar.TypeReg, mode: 0o644}
	var err error
	if n.size, n.open, err = k.spool.put(r); err != nil {
		return err
	}
	switch {
	case isImage:
		k.image = n
	case isConfig:
		k.config = n
	case treeName != "":
		k.add(treeName, n)
	default:
		k.version, _, _ = strings.Cut(strings.TrimPrefix(name, modulesDir), "/")
		k.add(name, n)
	}
	return nil
}

// deviceTreeName returns where a device tree is in a tree of boot files, or
// nothing if name is none: Debian's packages have them in a directory of the
// version, and there of the vendor.
func deviceTreeName(name string) string {
	rest, ok := strings.CutPrefix(name, "lib/linux-image-")
	_, file, nested := strings.Cut(rest, "/")
	if !ok || !nested || path.Ext(file) != deviceTree {
		return ""
	}
	return treesDir + file
}

// addTo adds the kernel and its configuration to the image.
func (k *kernelSource) addTo(t *tree, arch string) error {
	image := k.image
	if arch != "amd64" {
		var err error
		if image, err = k.plainImage(); err != nil {
			return fmt.Errorf("decompress the kernel: %w", err)
		}
	}
	t.add(kernelFile, image)
	t.add(kernelConfigFile, k.config)
	return nil
}

// plainImage returns the kernel without compression, which firmware, boot
// loaders and emulators of all versions load on architectures whose kernels do
// not decompress themselves.
func (k *kernelSource) plainImage() (*node, error) {
	data, err := readNode(k.image, maxKernelImage)
	if err != nil {
		return nil, err
	}
	payload, err := linuximage.Payload(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	n := &node{typeflag: tar.TypeReg, mode: 0o644}
	n.size, n.open, err = k.spool.put(payload)
	return n, err
}

func readNode(n *node, limit int64) ([]byte, error) {
	r, err := n.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("larger than %d bytes", limit)
	}
	return data, err
}

// dir is where the modules are.
func (k *kernelSource) dir() string { return modulesDir + k.version + "/" }

// load parses the modules.
func (k *kernelSource) load(ctx context.Context) error {
	var names []string
	for _, name := range k.names() {
		if kmod.IsModule(name) {
			names = append(names, name)
		}
	}
	modules := make([]*kmod.Module, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			data, err := k.plainModule(name)
			if err != nil {
				return err
			}
			modules[i], err = kmod.Parse(strings.TrimPrefix(name, k.dir()), data)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	k.modules = kmod.NewSet(modules, k.file("modules.order"), k.file("modules.builtin"), k.file("modules.builtin.modinfo"))
	return nil
}

// plainModule returns a module without compression.
func (k *kernelSource) plainModule(name string) ([]byte, error) {
	data, err := readNode(k.entries[name], maxKernelImage)
	if err == nil {
		data, err = kmod.Decompress(data)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// file returns the content of a file beside the modules, or nothing.
func (k *kernelSource) file(name string) []byte {
	n := k.entries[k.dir()+name]
	if n == nil {
		return nil
	}
	data, err := readNode(n, maxKernelImage)
	if err != nil {
		return nil
	}
	return data
}

package output

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/rootfs"
	"github.com/linuxkit/linuxkit/internal/treetest"
)

// guest is the part of a system that a root initrd is made of.
var guest = map[string]string{
	"bin/rc.init":                     "> /init",
	"init":                            "the program",
	"sbin/init":                       "> ../init",
	"lib/modules/6.1/modules.dep":     "kernel/fs/squashfs/squashfs.ko:\nkernel/drivers/scsi/sr_mod.ko.xz: kernel/drivers/cdrom/cdrom.ko.xz\nkernel/drivers/cdrom/cdrom.ko.xz:\nkernel/sound/snd.ko:\nkernel/lib/crc-x.ko:\n",
	"lib/modules/6.1/modules.alias":   "# comment\nalias fs-squashfs squashfs\nalias pci:v* snd\nalias scsi:t-0x05* sr_mod\n",
	"lib/modules/6.1/modules.softdep": "softdep squashfs pre: crc-x none\nsoftdep snd pre: sr_mod\n",
	"lib/modules/6.1/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
	"lib/modules/6.1/kernel/fs/squashfs/squashfs.ko":   "squashfs",
	"lib/modules/6.1/kernel/drivers/scsi/sr_mod.ko.xz": "sr_mod",
	"lib/modules/6.1/kernel/drivers/cdrom/cdrom.ko.xz": "cdrom",
	"lib/modules/6.1/kernel/lib/crc-x.ko":              "crc-x",
	"lib/modules/6.1/kernel/sound/snd.ko":              "snd",
	"etc/issue":                                        "welcome",
}

// each gives the entries of a system to fn.
func each(files map[string]string, fn func(*rootfs.Entry) error) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(files[name]))}
		if target, ok := strings.CutPrefix(files[name], "> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		if err := fn(&rootfs.Entry{Header: h, Content: strings.NewReader(files[name]), Links: 1}); err != nil {
			return err
		}
	}
	return nil
}

func planned(t *testing.T, files map[string]string) (*rootPlan, error) {
	t.Helper()
	p := &rootPlan{}
	if err := each(files, p.look); err != nil {
		return p, err
	}
	return p, p.choose("squashfs")
}

func TestRootInitrd(t *testing.T) {
	p, err := planned(t, guest)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc, err := newEncoder(&b, gzipCodec)
	if err != nil {
		t.Fatal(err)
	}
	w := &rootWriter{enc: enc, plan: p}
	if err := errors.Join(w.begin(), each(guest, w.copy), enc.close()); err != nil {
		t.Fatal(err)
	}
	tree, err := treetest.ReadInitrd(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name, row := range tree {
		if row.Type == "file" {
			files[name] = string(row.Content)
		}
	}
	const dir = "lib/modules/6.1/"
	want := map[string]string{
		"init":                  "the program",
		dir + "modules.dep":     "kernel/fs/squashfs/squashfs.ko:\nkernel/drivers/scsi/sr_mod.ko.xz: kernel/drivers/cdrom/cdrom.ko.xz\nkernel/drivers/cdrom/cdrom.ko.xz:\nkernel/lib/crc-x.ko:\n",
		dir + "modules.alias":   "alias fs-squashfs squashfs\nalias scsi:t-0x05* sr_mod\n",
		dir + "modules.softdep": "softdep squashfs pre: crc-x none\n",
		dir + "modules.builtin": guest[dir+"modules.builtin"],
	}
	for _, file := range []string{"fs/squashfs/squashfs.ko", "drivers/scsi/sr_mod.ko.xz", "drivers/cdrom/cdrom.ko.xz", "lib/crc-x.ko"} {
		want[dir+"kernel/"+file] = guest[dir+"kernel/"+file]
	}
	if !maps.Equal(files, want) {
		t.Errorf("got %q\nwant %q", files, want)
	}
	if tree["sbin/modprobe"].Link != "/init" || tree["dev"].Type != "dir" {
		t.Errorf("modprobe is %+v, dev %+v", tree["sbin/modprobe"], tree["dev"])
	}
}

func TestInitElsewhere(t *testing.T) {
	files := maps.Clone(guest)
	files["init"], files["sbin/init"], files["bin/own"] = "> sbin/init", "> /bin/own", "mine"
	p, err := planned(t, files)
	if err != nil || p.init != "bin/own" {
		t.Errorf("init is %q, %v", p.init, err)
	}
}

func TestRootInitrdImpossible(t *testing.T) {
	for _, c := range []struct{ name, remove, add, err string }{
		{"no init", "init", "", errNoInit.Error()},
		{"two kernels", "", "lib/modules/6.2/modules.dep", "modules of the kernels 6.1 and 6.2"},
		{"no such module", "lib/modules/6.1/modules.dep", "lib/modules/6.1/modules.dep", "no module squashfs"},
		{"no modules", "lib/modules/6.1/", "", "the kernel image has no modules"},
	} {
		files := maps.Clone(guest)
		maps.DeleteFunc(files, func(name, _ string) bool { return c.remove != "" && strings.HasPrefix(name, c.remove) })
		if c.add != "" {
			files[c.add] = ""
		}
		if _, err := planned(t, files); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}
}

// TestDrivers decides by the configuration of the kernel.
func TestDrivers(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{"CONFIG_SQUASHFS=y\nCONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_PCI=y\n", ""},
		{"CONFIG_SQUASHFS=m\nCONFIG_VIRTIO_BLK=y\n", "SQUASHFS"},
		{"CONFIG_SQUASHFS=y\nCONFIG_VIRTIO_BLK=m\n", "VIRTIO_BLK"},
		{"# CONFIG_SQUASHFS is not set\nCONFIG_SQUASHFS_ZSTD=m\n", ""},
		{"", ""},
	} {
		sys, opts := bootable(t)
		sys.KernelConfig = func(context.Context) ([]byte, error) { return []byte(c.config), nil }
		b := newBuild(sys, opts)
		if got, err := b.missingDriver(t.Context(), "squashfs", squashFS.drivers); got != c.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", c.config, got, err, c.want)
		}
		b.close()
	}
}

// TestNoModules says why an initrd is wanted when it cannot be made.
func TestNoModules(t *testing.T) {
	_, opts := bootable(t)
	sys, _ := plan(t, strings.Replace(system, "cmdline:", "tar: none, cmdline:", 1))
	sys.KernelConfig = func(context.Context) ([]byte, error) { return []byte("CONFIG_EROFS_FS=m\n"), nil }
	fails(t, "kernel+erofs", sys, opts, nil, "because CONFIG_EROFS_FS is a module of the kernel")
}

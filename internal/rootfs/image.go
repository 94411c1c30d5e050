package rootfs

import (
	"archive/tar"
	"context"

	"github.com/linuxkit/linuxkit/internal/image"
	"github.com/linuxkit/linuxkit/internal/layer"
)

// segmentVersion is part of every key. It changes when the entries made from
// an image change.
const segmentVersion = "1"

// use says what an image becomes, which decides some placeholders.
type use string

const (
	useRoot      use = "root" // init images and volumes
	useContainer use = "container"
)

// dropped are the names that images never contribute: they belong to whoever
// made the image, or are replaced by placeholders.
var dropped = map[string]bool{
	".dockerenv": true, "Dockerfile": true, "etc/hostname": true,
	"dev": true, "dev/console": true, "dev/pts": true, "dev/shm": true,
	"etc": true, "etc/hosts": true, "etc/resolv.conf": true,
	"proc": true, "sys": true,
}

const (
	hostsFile = `127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
`
	resolvFile = `
# no resolv.conf configured
`
	resolvTarget = "/run/resolvconf/resolv.conf"
	mtabName     = "etc/mtab"
)

// imageSegment returns the segment that img makes below prefix.
func imageSegment(img *image.Image, location, prefix string, u use) *Segment {
	s := &Segment{Source: img.Ref, Location: location, Key: imageKey(img, prefix, string(u)), image: img}
	s.walk = func(ctx context.Context, _ *Tree, emit Emit) error {
		return walkImage(ctx, img.Layers(), prefix, u, emit)
	}
	return s
}

// imageKey identifies what is made of an image: the digests of its layers
// decide the content, all else is in parts.
func imageKey(img *image.Image, parts ...string) string {
	all := append([]string{segmentVersion}, parts...)
	for _, l := range img.Manifest.Layers {
		all = append(all, l.Digest.String())
	}
	return keyOf(all...)
}

func walkImage(ctx context.Context, layers []layer.Blob, prefix string, u use, emit Emit) error {
	below := func(e *Entry) error {
		e.Header.Name = join(prefix, e.Header.Name)
		if e.Header.Typeflag == tar.TypeLink {
			e.Header.Linkname = join(prefix, e.Header.Linkname)
		}
		return emit(e)
	}
	if err := emitAll(prefixDirs(prefix), emit); err != nil {
		return err
	}
	if err := emitAll(placeholderDirs(), below); err != nil {
		return err
	}
	hasMtab := false
	err := layer.Flatten(ctx, layers, layer.Options{Keep: keep}, func(e *Entry) error {
		if e.Header.Name == mtabName {
			hasMtab = true
			e.Header.ModTime = GeneratedTime
		}
		return below(e)
	})
	if err != nil {
		return err
	}
	return emitAll(placeholderFiles(u, hasMtab), below)
}

func keep(name string) bool { return !dropped[name] }

// placeholderDirs are the directories every image has, whatever it holds.
func placeholderDirs() []*Entry {
	var dirs []*Entry
	for _, name := range []string{"dev", "dev/pts", "dev/shm", "etc", "proc", "sys"} {
		dirs = append(dirs, dirEntry(name, 0o755))
	}
	return dirs
}

func placeholderFiles(u use, hasMtab bool) []*Entry {
	files := []*Entry{fileEntry("etc/hosts", 0o644, []byte(hostsFile))}
	if !hasMtab {
		files = append(files, symlinkEntry(mtabName, "/proc/mounts", 0o755))
	}
	if u == useContainer {
		return append(files, fileEntry("etc/resolv.conf", 0o644, []byte(resolvFile)))
	}
	return append(files, symlinkEntry("etc/resolv.conf", resolvTarget, 0o644))
}

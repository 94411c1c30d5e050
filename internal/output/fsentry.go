package output

import (
	"archive/tar"
	"fmt"
	"math"
	"strings"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

// xattrRecord is what tar writes in front of the name of an extended attribute.
const xattrRecord = "SCHILY.xattr."

var fsTypes = map[byte]uint32{
	tar.TypeReg: fsimage.TypeRegular, tar.TypeDir: fsimage.TypeDir, tar.TypeSymlink: fsimage.TypeSymlink,
	tar.TypeChar: fsimage.TypeChar, tar.TypeBlock: fsimage.TypeBlock, tar.TypeFifo: fsimage.TypeFifo,
}

// fsEntry is an entry as the encoders of file systems want it.
func fsEntry(e *rootfs.Entry) (fsimage.Entry, error) {
	h := e.Header
	if h.Typeflag == tar.TypeLink {
		return fsimage.Entry{Path: h.Name, HardLink: h.Linkname}, nil
	}
	kind, ok := fsTypes[h.Typeflag]
	if !ok {
		return fsimage.Entry{}, fmt.Errorf("%s is of type %q, which no file system has", h.Name, h.Typeflag)
	}
	for _, n := range []int64{int64(h.Uid), int64(h.Gid), h.Devmajor, h.Devminor} {
		if n < 0 || n > math.MaxUint32 {
			return fsimage.Entry{}, fmt.Errorf("%s has owner %d:%d and device number %d:%d, of which one has more than 32 bits", h.Name, h.Uid, h.Gid, h.Devmajor, h.Devminor)
		}
	}
	fe := fsimage.Entry{
		Path: h.Name, Mode: kind | uint32(h.Mode)&0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid), ModTime: h.ModTime,
	}
	switch kind {
	case fsimage.TypeRegular:
		fe.Size = h.Size
	case fsimage.TypeSymlink:
		fe.Linkname, fe.Mode = h.Linkname, kind|0o777
	case fsimage.TypeChar, fsimage.TypeBlock:
		fe.Major, fe.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if fe.Xattrs == nil {
				fe.Xattrs = map[string]string{}
			}
			fe.Xattrs[name] = value
		}
	}
	return fe, nil
}

// underBoot tells whether a path is that of the directory for boot files or
// below it. Those files are beside the tree, not in it.
func underBoot(name string) bool { return name == "boot" || strings.HasPrefix(name, "boot/") }

// bootDir is the directory itself.
func bootDir() fsimage.Entry {
	return fsimage.Entry{Path: "boot", Mode: fsimage.TypeDir | 0o755, ModTime: rootfs.GeneratedTime}
}

package output

import (
	"archive/tar"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linuxkit/linuxkit/internal/format/fsimage"
	"github.com/linuxkit/linuxkit/internal/rootfs"
)

func TestFSEntry(t *testing.T) {
	for _, c := range []struct {
		header tar.Header
		want   fsimage.Entry
	}{
		{
			tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o104755, Uid: 1, Gid: 2, Size: 3, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y", "comment": "z"}},
			fsimage.Entry{Path: "a", Mode: 0o104755, UID: 1, GID: 2, Size: 3, Xattrs: map[string]string{"user.x": "y"}},
		},
		{tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "b", Mode: 0o644}, fsimage.Entry{Path: "a", HardLink: "b"}},
		{tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/b"}, fsimage.Entry{Path: "a", Linkname: "/b", Mode: 0o120777}},
		{tar.Header{Typeflag: tar.TypeChar, Name: "a", Devmajor: 1, Devminor: 3, Mode: 0o600}, fsimage.Entry{Path: "a", Mode: 0o20600, Major: 1, Minor: 3}},
	} {
		got, err := fsEntry(&rootfs.Entry{Header: &c.header})
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%c: %v, (-want +got):\n%s", c.header.Typeflag, err, diff)
		}
	}
	for _, h := range []tar.Header{
		{Typeflag: 'V', Name: "a"},
		{Typeflag: tar.TypeReg, Name: "a", Gid: -1},
		{Typeflag: tar.TypeChar, Name: "a", Devmajor: 1 << 32},
	} {
		if got, err := fsEntry(&rootfs.Entry{Header: &h}); err == nil {
			t.Errorf("%+v becomes %+v", h, got)
		}
	}
}

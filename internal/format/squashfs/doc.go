// Package squashfs writes images of Squashfs 4.0, the compressed read-only
// file system of Documentation/filesystems/squashfs.rst in Linux.
//
// It owns the format: content in blocks that are compressed on all cores,
// small files of a pack together in fragments, equal files once, runs of zeros
// not at all, and the tables with inodes, directories, owners and extended
// attributes. The same entries with content in the same packs give the same
// bytes whatever the machine.
//
// The format has times of whole seconds from 1970 to 2106 and extended
// attributes of user, trusted and security only; the writer moves a time
// into that range and refuses other attributes, such as access control lists.
package squashfs

// Package cpio writes and reads archives in the newc format of cpio(5), the
// one that the Linux kernel unpacks as initial root file system.
//
// It owns the format as Documentation/driver-api/early-userspace/buffer-format.rst
// and init/initramfs.c of Linux define it: the kernel tells the names of one
// file by their equal inode and device numbers, takes the content that comes
// with the first name, and forgets the numbers at the end of an archive. It
// passes over an entry that it cannot take without a word, so the writer
// refuses those: files of 4 GiB and more, long names, sockets.
//
// Extended attributes and times below a second have no place in the format
// and are lost.
package cpio

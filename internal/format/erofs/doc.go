// Package erofs writes images of EROFS, the read-only file system of
// Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h in Linux.
//
// It owns the format. Content is compressed on all cores into physical
// clusters of a fixed size, each as full as it can be, of as much content as
// goes in; what is left at the end of a file is stored beside its inode, as
// are small files. What does not compress stays as it is, so that a file
// without any compression can be mapped. Equal files share their blocks, and
// runs of zeros do as well. The same entries give the same bytes whatever the
// machine, and whatever packs their content is in.
//
// Kernels from 5.17 read the images, where nothing says more: zstd needs
// 6.10, and a compressed file with a megabyte of zeros in it 6.1.
package erofs

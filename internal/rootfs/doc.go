// Package rootfs turns a configuration into the parts of a root filesystem.
//
// It resolves every image the configuration names, and describes the tree as
// an ordered list of [Segment]: one for each image under its prefix, plus small
// generated ones. Later segments replace what earlier ones hold. Nothing is
// unpacked and nothing is kept in memory: a segment produces its entries when
// an encoder walks it, and says by its key when a result of an earlier walk
// can be used again.
//
// The package knows nothing of archive or disk formats, and writes no files.
package rootfs

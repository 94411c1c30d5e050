// Package fsimage holds what the encoders of file system images share: the
// entries they take, the tree that collects them in any order, and the
// pipeline that compresses on all cores while the order of the output stays
// that of the input.
//
// It knows nothing of a format on disk; that is what its importers own.
package fsimage

// Package fsimage holds what the encoders of file system images share: the
// entries they take, the tree that collects them in any order, packs of content
// and the way from there into an image, and the pipeline that compresses on all
// cores while the order of the output stays that of the input.
//
// An image is made in two steps. A [Packer] turns the content of files into the
// bytes that images hold, and says in a record for each file which are its own.
// A [Writer] copies from packs what the entries of an image need, and writes
// the rest. Packs can be kept, and images made of several of them.
//
// It knows nothing of a format on disk; that is what its importers own.
package fsimage

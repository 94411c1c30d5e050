// Package layer flattens the layers of an image into one tree and produces its
// entries as a stream. Nothing is ever unpacked to the host.
//
// It owns the semantics of layers, those of the OCI image specification
// (layer.md) as overlay file systems apply them:
//
//   - Whiteouts and opaque directories act on the layers below only, wherever
//     in the archive they stand.
//   - A directory over a directory replaces its metadata and keeps what it
//     holds; any other change of type replaces all that was there.
//   - An entry below something that a lower layer has as a symbolic link is
//     in the directory that this leads to, unless the layer itself replaces or
//     removes the link. Below anything else that is no directory in a lower
//     layer it hides that; below what its own layer has as a non-directory it
//     is an error.
//   - Of several entries of one layer with the same name the last counts.
//   - A hard link means the name in its own layer, before or, failing that,
//     behind it; else the name in the layers below, as they were before this
//     layer. A file lives as long as one of its names does.
//   - Directories that no layer has an entry for are not made up, and an entry
//     for the root itself is passed over.
//
// Names are compared byte by byte after cleaning, so names that differ only in
// case are different; a leading slash means the root of the image. The package
// refuses names with "..", links that point out of the tree, sockets and unknown
// types, and whatever exceeds [Limits].
//
// Work is linear in the size of the layers, and memory is in proportion to the
// number and length of names, not to content. An index pass reads the headers
// of all layers, several layers at once; an emitting pass follows. Layers that
// are small when decompressed are kept in memory from the first pass for the
// second, within a fixed budget; others are decompressed twice.
package layer

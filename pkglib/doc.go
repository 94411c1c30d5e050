// Package pkglib owns packages as sources of images: the metadata in
// build.yml, the hash that git gives a directory, the names that follow from
// it, and the building of a package into an entry of the image cache.
//
// It makes no layer itself, asks no registry and prints nothing; what goes on
// is reported through the context and, as the lines that users of the command
// line know, to [WithBuildOutputWriter].
//
// The names are those that programs building on LinuxKit use. Functions that
// do I/O take a context first.
package pkglib

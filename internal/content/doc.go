// Package content owns the cache directory: an OCI image layout that holds
// blobs by digest and names some of them, plus things derived from blobs.
//
// The promises: a blob is visible only once its bytes are complete, match its
// digest and are on stable storage; the index names only what was stored
// before; any number of processes may work on one directory; a process that is
// killed, or a disk that fills, leaves nothing behind but files that the next
// writer removes. The directory is shared with LinuxKit: same layout, same
// lock.
//
// The package refuses to build a path from anything but a valid digest, to
// follow symbolic links out of the directory, and to read documents that are
// larger than a manifest may be or that are image and index at once. It knows
// nothing about registries and about what layers hold.
//
// Layout, see the OCI image layout specification:
//
//	oci-layout, index.json      names
//	blobs/<algorithm>/<hex>     blobs
//	.lock                       exclusive lock for changes of index.json
//	.use                        held shared by who writes blobs, exclusively by who removes them
//	ingest/                     files being written, locked while their writer lives
//	derived/<sha256 of key>/    derived things, see Derived
package content

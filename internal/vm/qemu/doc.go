// Package qemu runs a machine with QEMU, as a child process in the foreground.
//
// [Config] says what to run. Everything about it is checked before anything is
// touched; then the facts of this host are gathered into a setup, from which
// the arguments follow without side effects; then [Run] starts QEMU and looks
// after it: an ended context becomes a request to the guest to shut down, and
// how the guest ended becomes the error.
//
// Guests see virtio devices only, apart from what a PC boots a CD from. The
// package refuses to run anything in the background.
package qemu

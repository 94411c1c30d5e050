// Package uki makes unified kernel images: one EFI program that holds kernel,
// initrd and command line, as the specification "Unified Kernel Image" of the
// UAPI group and systemd-stub(7) define it, for every 64-bit architecture.
//
// It owns the PE/COFF layout: sections are added behind those of the stub, do
// not overlap in the file or in memory and have no gaps between them, so that
// the result can be signed. Signing itself, measurements for a TPM and stubs
// of 32-bit machines are not its business.
package uki

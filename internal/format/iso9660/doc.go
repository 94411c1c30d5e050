// Package iso9660 writes images of CDs and DVDs: ISO 9660 (ECMA-119) at level
// 3 with Rock Ridge (RRIP 1.12) for everything a Linux file has but extended
// attributes, Joliet for Windows, El Torito and UEFI boot entries, and, on
// demand, a boot record and a GUID partition table in the system area, so that
// the same file also boots from a USB stick.
//
// It owns the layout: all metadata is ahead of all content, content is in the
// order in which its entries were added, and the same entries give the same
// bytes. Packed content stays as it is, at places from which file systems can
// share it with the image. It knows no boot loader; what is booted are files
// among the entries.
//
// Two rules of ECMA-119 are not kept, as every system of today allows it:
// directories may be nested deeper than eight levels, and paths may be longer
// than 255 bytes.
package iso9660

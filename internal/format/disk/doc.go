// Package disk describes a raw disk image as a list of pieces of data with
// holes between them, so that file systems, partition tables and container
// formats can be put into one another without copying anything.
//
// It owns reading such an image at any place, streaming it, writing it as a
// sparse file and telling which blocks of it hold data. It knows no format:
// those are in the packages beside it, which import nothing but this one.
package disk

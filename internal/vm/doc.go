// Package vm owns what the ways to run a machine locally share: how disks,
// published ports and networks are written on the command line, what kind of
// image a path names, and the directory that keeps a machine's state.
//
// It starts nothing; that is for the packages below it.
package vm

// Package git owns what this module asks git about directories: where a work
// tree begins, which object a commit has at a path, and what in the work tree
// differs from HEAD.
//
// It runs the git program, reads only, never takes git's index lock, and
// never interprets a path as a pattern. Answers are remembered per repository
// and asked for at once: for the whole of a small work tree, for a directory
// of siblings of a large one. Many packages of one repository so cost a
// handful of processes.
package git

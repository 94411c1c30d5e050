// Package tools names the programs that tests build from source and run, so
// that their versions are pinned.
package tools

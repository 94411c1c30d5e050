//go:build !amd64

package main

import "io"

// cpuSource returns nil: this architecture has no instruction that is used.
func cpuSource(noRdseed, noRdrand bool) io.Reader { return nil }

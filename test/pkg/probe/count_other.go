//go:build !amd64

package main

import "errors"

func instructions() (uint64, error) {
	return 0, errors.New("this architecture has no counter that a program can read")
}

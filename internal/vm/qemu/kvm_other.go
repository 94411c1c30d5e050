//go:build !linux

package qemu

func kvmUsable() bool { return false }

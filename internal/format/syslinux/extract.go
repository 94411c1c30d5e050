package syslinux

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

// ErrNoLoader is returned if a program does not contain a boot loader.
var ErrNoLoader = errors.New("program contains no boot loader: must be the program syslinux of version 5 or newer")

// Extract finds the boot loader in the bytes of the installer (the program
// syslinux): the boot sector, behind it ldlinux.sys, behind that ldlinux.c32.
func Extract(program []byte) (*Loader, error) {
	for at := 0; ; {
		i := bytes.Index(program[at:], []byte("\xeb\x58\x90SYSLINUX"))
		if i < 0 {
			return nil, fmt.Errorf("find boot loader: %w", ErrNoLoader)
		}
		at += i
		if l := extract(program[at:]); l != nil {
			return l, nil
		}
		at++
	}
}

// extract returns the loader that begins with data, or nil.
func extract(data []byte) *Loader {
	if len(data) < 2*disk.Sector || data[510] != 0x55 || data[511] != 0xaa || le.Uint32(data[0x1f8:]) != magic {
		return nil
	}
	rest := data[disk.Sector:]
	if !bytes.HasPrefix(rest, []byte("\r\nSYSLINUX ")) {
		return nil
	}
	at, size := findCore(rest)
	if at < 0 {
		return nil
	}
	l := &Loader{boot: bytes.Clone(data[:disk.Sector]), sys: bytes.Clone(rest[:at]), core: bytes.Clone(rest[at : at+size])}
	if _, err := parse(l.sys); err != nil {
		return nil
	}
	return l
}

// findCore returns where the first shared library for i386 is, and its size; -1 if there is none.
func findCore(data []byte) (at, size int) {
	for {
		i := bytes.Index(data[at:], []byte(elf.ELFMAG))
		if i < 0 {
			return -1, 0
		}
		at += i
		if size := coreSize(data[at:]); size > 0 {
			return at, size
		}
		at++
	}
}

// coreSize returns the size of a shared library for i386 that ends with its
// section headers, as linkers write them; 0 if it is none.
func coreSize(data []byte) int {
	const headerSize = 52
	if len(data) < headerSize || data[elf.EI_CLASS] != byte(elf.ELFCLASS32) || data[elf.EI_DATA] != byte(elf.ELFDATA2LSB) {
		return 0
	}
	if elf.Type(le.Uint16(data[16:])) != elf.ET_DYN || elf.Machine(le.Uint16(data[18:])) != elf.EM_386 {
		return 0
	}
	sections, each, count := uint64(le.Uint32(data[32:])), uint64(le.Uint16(data[46:])), uint64(le.Uint16(data[48:]))
	end := sections + each*count
	if sections < headerSize || each == 0 || count == 0 || end > uint64(len(data)) {
		return 0
	}
	return int(end)
}

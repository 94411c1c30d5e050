// Package kmod reads what Linux kernel modules say about themselves and writes
// the files by which modprobe finds modules, as depmod(8) does.
//
// It takes dependencies from the field that the kernel's build puts into each
// module, so it needs no System.map. It loads nothing and touches no file.
//
// Formats: modules.dep(5), and the binary index of the kmod project.
package kmod

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// ErrFormat means that a file is not a kernel module.
var ErrFormat = errors.New("not a kernel module")

// maxModule bounds the size of a module after decompression.
const maxModule = 256 << 20

// Module is what a module says about itself.
type Module struct {
	// Path is below the directory of the kernel's version, such as
	// kernel/fs/ext4/ext4.ko.xz.
	Path string
	// Name has underscores where the file name has hyphens.
	Name string
	// Depends are the names of the modules it needs.
	Depends []string
	// Aliases are patterns of hardware and other names it answers to.
	Aliases []string
	// Softdeps and Weakdeps are as written, "pre: a b post: c" and "a b".
	Softdeps, Weakdeps []string
	// Symbols are what it exports.
	Symbols []string
	// Vermagic tells the kernel that it fits.
	Vermagic string
}

// endings of module files.
var endings = []string{".ko", ".ko.xz", ".ko.gz", ".ko.zst"}

// IsModule tells by its name whether a file is a module.
func IsModule(file string) bool {
	for _, e := range endings {
		if strings.HasSuffix(file, e) {
			return true
		}
	}
	return false
}

// NameOf returns the name of the module in a file.
func NameOf(file string) string {
	base, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// Decompress returns the module in data, which may be compressed with xz, gzip
// or zstd; the magic number tells.
func Decompress(data []byte) ([]byte, error) {
	r, err := decompressor(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if r == nil {
		return data, nil
	}
	out, err := io.ReadAll(io.LimitReader(r, maxModule+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(out) > maxModule {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrFormat, maxModule)
	}
	return out, nil
}

func decompressor(data []byte) (io.Reader, error) {
	in := bytes.NewReader(data)
	switch {
	case bytes.HasPrefix(data, []byte("\xfd7zXZ\x00")):
		if !smallDictionary(data) {
			return nil, errors.New("xz dictionary too large")
		}
		return xz.NewReader(in)
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		return gzip.NewReader(in)
	case bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")):
		return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxModule))
	default:
		return nil, nil
	}
}

// Parse reads a module that is not compressed.
func Parse(file string, data []byte) (*Module, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, file, err)
	}
	info, err := sectionData(f, ".modinfo")
	if err != nil || info == nil {
		return nil, fmt.Errorf("%w: %s has no section .modinfo: %w", ErrFormat, file, errors.Join(err))
	}
	m := &Module{Path: file, Name: NameOf(file)}
	for field := range strings.SplitSeq(string(info), "\x00") {
		key, value, _ := strings.Cut(field, "=")
		m.set(key, value)
	}
	if m.Symbols, err = exported(f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, file, err)
	}
	return m, nil
}

func sectionData(f *elf.File, name string) ([]byte, error) {
	s := f.Section(name)
	if s == nil {
		return nil, nil
	}
	if s.Type == elf.SHT_NOBITS || s.Size > maxModule || s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil, fmt.Errorf("bad section %s", name)
	}
	return s.Data()
}

func (m *Module) set(key, value string) {
	switch key {
	case "depends":
		for name := range strings.SplitSeq(value, ",") {
			if name != "" {
				m.Depends = append(m.Depends, strings.ReplaceAll(name, "-", "_"))
			}
		}
	case "alias":
		m.Aliases = append(m.Aliases, value)
	case "softdep":
		m.Softdeps = append(m.Softdeps, value)
	case "weakdep":
		m.Weakdeps = append(m.Weakdeps, value)
	case "vermagic":
		m.Vermagic = value
	}
}

// exported returns the names of exported symbols: those with a checksum, or all
// of a kernel that is built without checksums.
func exported(f *elf.File) ([]string, error) {
	symbols, err := f.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return nil, err
	}
	var names []string
	for _, s := range symbols {
		if name, ok := strings.CutPrefix(s.Name, "__crc_"); ok {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return names, nil
	}
	table, err := sectionData(f, "__ksymtab_strings")
	for s := range strings.SplitSeq(string(table), "\x00") {
		if s != "" {
			names = append(names, s)
		}
	}
	return names, err
}

// smallDictionary tells whether the first block of an xz stream asks for a
// dictionary of at most 64 MiB (xz file format, 3.1 and 5.3.1).
func smallDictionary(data []byte) bool {
	const header = 13
	if len(data) < header+4 {
		return true // left to the decoder
	}
	pos := header + 1
	for _, flag := range []byte{0x40, 0x80} { // optional sizes
		if data[header]&flag != 0 {
			for pos < len(data) && data[pos]&0x80 != 0 {
				pos++
			}
			pos++
		}
	}
	if pos+2 >= len(data) || data[pos] != 0x21 {
		return true
	}
	return data[pos+2] <= 28
}

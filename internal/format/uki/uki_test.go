package uki

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/pe"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/linuxkit/linuxkit/internal/format/disk"
	"github.com/linuxkit/linuxkit/internal/pkgtest"
)

const (
	amd64   = 0x8664
	arm64   = 0xaa64
	riscv64 = 0x5064
)

// program returns a program with some sections, room for more headers, and an
// image that is larger in memory than in the file.
func program(machine uint16, headers int, names ...string) []byte {
	const coff = 0x80 + 4
	b := make([]byte, headers+len(names)*512)
	copy(b, "MZ")
	le.PutUint32(b[60:], coff-4)
	copy(b[coff-4:], "PE\x00\x00")
	le.PutUint16(b[coff:], machine)
	le.PutUint16(b[coff+2:], uint16(len(names)))
	le.PutUint16(b[coff+16:], plusSize+16*8)
	le.PutUint16(b[coff+18:], 0x22e)
	opt := b[coff+coffSize:]
	for offset, value := range map[int]uint32{16: 4096, 32: 4096, 36: 512, 56: uint32(4096 * (len(names) + 1)), 60: uint32(headers), 64: 77, 108: 16} {
		le.PutUint32(opt[offset:], value)
	}
	le.PutUint16(opt, plusMagic)
	le.PutUint16(opt[68:], 10) // EFI application
	for i, name := range names {
		s := Section{Name: name, Offset: int64(headers + i*512), RawSize: 512, Address: int64(4096 * (i + 1)), Size: 100, Flags: 0x60000020}
		s.encode(opt[plusSize+16*8+i*sectionSize:])
		copy(b[s.Offset:], "code of "+name)
	}
	return b
}

func blob(data []byte) Blob { return Blob{bytes.NewReader(data), int64(len(data))} }

func spec(machine uint16) Spec {
	return Spec{
		Stub: blob(program(machine, 1536, ".text", ".sbat", ".reloc")), Linux: blob(program(machine, 512, ".text")),
		Initrd: blob(bytes.Repeat([]byte("initrd"), 3333)), Microcode: text("microcode"),
		Cmdline: "console=ttyS0", OSRelease: "ID=linuxkit\n", Uname: "6.12", DTB: text("dtb"), Splash: text("BM"),
		Checksum: true,
	}
}

func build(t testing.TB, s Spec) []byte {
	t.Helper()
	im, err := New(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return content(t, im)
}

func content(t testing.TB, im *disk.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := im.WriteStream(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSections(t *testing.T) {
	for _, machine := range []uint16{amd64, arm64, riscv64} {
		s := spec(machine)
		data := build(t, s)
		check(t, data, s)
		if !bytes.Equal(data, build(t, s)) {
			t.Error("a second image differs")
		}
	}
}

// check compares an image with what it is made of, seen by Go's own reader.
func check(t *testing.T, data []byte, s Spec) {
	t.Helper()
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	opt := f.OptionalHeader.(*pe.OptionalHeader64)
	checkLayout(t, f.Sections, opt, len(data))
	for name, want := range map[string]Blob{
		".linux": s.Linux, ".initrd": s.Initrd, ".ucode": s.Microcode, ".cmdline": text(s.Cmdline), ".osrel": text(s.OSRelease), ".uname": text(s.Uname), ".dtb": s.DTB, ".splash": s.Splash,
	} {
		section := f.Section(name)
		if want.Size == 0 {
			if section != nil {
				t.Errorf("section %s is there", name)
			}
			continue
		}
		got, err := section.Data()
		all, _ := io.ReadAll(io.NewSectionReader(want.Data, 0, want.Size))
		if err != nil || !bytes.HasPrefix(got, all) || len(bytes.Trim(got[len(all):], "\x00")) > 0 {
			t.Errorf("section %s differs: %v", name, err)
		}
		if name != ".linux" && int64(section.VirtualSize) != want.Size {
			t.Errorf("section %s has %d bytes, want %d", name, section.VirtualSize, want.Size)
		}
	}
	if last := f.Sections[len(f.Sections)-1]; last.Name != ".linux" || int64(last.VirtualSize) < s.Linux.Size {
		t.Errorf("last section is %+v", last)
	}
	if s.Checksum && naiveChecksum(data) != opt.CheckSum {
		t.Errorf("checksum %#x, want %#x", opt.CheckSum, naiveChecksum(data))
	}
}

func checkLayout(t *testing.T, sections []*pe.Section, opt *pe.OptionalHeader64, size int) {
	t.Helper()
	offset, address := opt.SizeOfHeaders, uint32(0)
	for _, s := range sections {
		if s.Offset != offset || s.Size%opt.FileAlignment != 0 {
			t.Errorf("section %s: %d bytes at %d of the file, want %d", s.Name, s.Size, s.Offset, offset)
		}
		if s.VirtualAddress < address || s.VirtualAddress%opt.SectionAlignment != 0 {
			t.Errorf("section %s is at %#x, behind %#x", s.Name, s.VirtualAddress, address)
		}
		offset, address = s.Offset+s.Size, s.VirtualAddress+s.VirtualSize
	}
	if int(offset) != size || int64(opt.SizeOfImage) != disk.Up(int64(address), int64(opt.SectionAlignment)) {
		t.Errorf("%d bytes and %d in memory, for sections up to %d and %d", size, opt.SizeOfImage, offset, address)
	}
}

// naiveChecksum follows the description of the PE checksum word by word.
func naiveChecksum(data []byte) uint32 {
	at := int(le.Uint32(data[60:])) + 4 + coffSize + offChecksum
	var sum uint32
	for i := 0; i < len(data); i += 2 {
		if i == at || i == at+2 {
			continue
		}
		sum += uint32(le.Uint16(data[i:]))
		sum = sum&0xffff + sum>>16
	}
	return sum + uint32(len(data))
}

func TestMinimal(t *testing.T) {
	s := Spec{Stub: blob(program(amd64, 1024, ".text")), Linux: blob(program(amd64, 512, ".text"))}
	check(t, build(t, s), s)
}

// TestStub adds to real stubs.
func TestStub(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(pkgtest.Root(t, pkgtest.Judges), "usr/lib/systemd/boot/efi/linux*.efi.stub"))
	if len(names) == 0 {
		t.Fatal("no systemd-stub is there")
	}
	for _, name := range names {
		stub, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := readHeader(bytes.NewReader(stub), int64(len(stub)))
		if errors.Is(err, ErrFormat) && strings.Contains(name, "ia32") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s := spec(h.machine())
		s.Stub = blob(stub)
		im, err := New(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		checkSigned(t, content(t, im))
	}
}

func TestErrors(t *testing.T) {
	change := func(f func(s *Spec)) Spec {
		s := spec(amd64)
		f(&s)
		return s
	}
	signed := program(amd64, 1536, ".text")
	le.PutUint32(signed[0x84+coffSize+offSecurity:], 512)
	for name, c := range map[string]struct {
		spec Spec
		want error
	}{
		"no stub":      {change(func(s *Spec) { s.Stub = Blob{} }), nil},
		"no kernel":    {change(func(s *Spec) { s.Linux = Blob{} }), nil},
		"signed":       {change(func(s *Spec) { s.Stub = blob(signed) }), nil},
		"no program":   {change(func(s *Spec) { s.Stub = text("#!/bin/sh") }), ErrFormat},
		"gzip kernel":  {change(func(s *Spec) { s.Linux = blob(append([]byte{0x1f, 0x8b}, make([]byte, 100)...)) }), ErrFormat},
		"room":         {change(func(s *Spec) { s.Stub = blob(program(amd64, 512, ".text", ".data")) }), ErrRoom},
		"machine":      {change(func(s *Spec) { s.Linux = blob(program(arm64, 512, ".text")) }), ErrMachine},
		"large":        {change(func(s *Spec) { s.Initrd.Size = 1<<32 - 8192 }), ErrTooLarge},
		"again":        {change(func(s *Spec) { s.Stub = blob(build(t, spec(amd64))) }), ErrFormat},
		"short initrd": {change(func(s *Spec) { s.Initrd.Size++ }), io.ErrUnexpectedEOF},
	} {
		_, err := New(context.Background(), c.spec)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

// TestSign signs an image with what others use, and lets them verify it.
func TestSign(t *testing.T) { checkSigned(t, build(t, spec(amd64))) }

func checkSigned(t *testing.T, data []byte) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key, cert := keyPair(t)
	keyFile, certFile, image := write("key", key), write("cert", cert), write("image", data)
	// Without its cross variants, objdump knows the machine it runs on only.
	if h, err := readHeader(bytes.NewReader(data), int64(len(data))); err != nil || h.machine() != amd64 || runtime.GOARCH != "amd64" {
		t.Log("not judged by objdump, which does not know the machine")
	} else if out := tool(t, "objdump", "-h", image); out != "" && (!strings.Contains(out, ".linux") || !strings.Contains(out, ".initrd")) {
		t.Errorf("objdump lists %s", out)
	}
	signed := filepath.Join(dir, "signed")
	tool(t, "osslsigncode", "sign", "-certs", certFile, "-key", keyFile, "-in", image, "-out", signed)
	if _, err := os.Stat(signed); err == nil {
		tool(t, "osslsigncode", "verify", "-CAfile", certFile, "-in", signed)
		if f, err := os.ReadFile(signed); err != nil || sections(t, f) != sections(t, data) {
			t.Errorf("the sections of the signed image differ: %v", err)
		}
	}
	signed += "2"
	if out := tool(t, "sbsign", "--key", keyFile, "--cert", certFile, "--output", signed, image); strings.Contains(out, "warning") {
		t.Errorf("sbsign: %s", out)
	}
	if _, err := os.Stat(signed); err == nil {
		tool(t, "sbverify", "--cert", certFile, signed)
	}
}

func sections(t *testing.T, data []byte) string {
	t.Helper()
	list, err := Sections(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, s := range list {
		text.WriteString(s.Name)
		text.Write(data[s.Offset : s.Offset+s.DataSize()])
	}
	return text.String()
}

// tool runs a program, or notes that it is missing.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Logf("not judged by %s, which is not installed", name)
		return ""
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

func keyPair(t *testing.T) (key, cert []byte) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func FuzzSections(f *testing.F) {
	f.Add(program(amd64, 512, ".text"))
	f.Add(build(f, spec(arm64)))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Sections(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("error %v", err)
			}
			return
		}
		for _, s := range list {
			if s.RawSize > 0 && (s.Offset < 0 || s.Offset+s.RawSize > int64(len(data))) {
				t.Errorf("section %+v of %d bytes", s, len(data))
			}
		}
		s := spec(le.Uint16(data[le.Uint32(data[60:])+4:]))
		s.Stub, s.Checksum = blob(data), false
		im, err := New(context.Background(), s)
		if err != nil {
			return
		}
		if _, err := Sections(im, im.Size); err != nil {
			t.Errorf("the image is not valid: %v", err)
		}
	})
}

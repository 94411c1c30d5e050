package gpt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is an identifier in the order in which it is written as text.
type GUID [16]byte

// Types of partitions.
var (
	TypeESP      = MustGUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
	TypeLinux    = MustGUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
	TypeBIOSBoot = MustGUID("21686148-6449-6e6f-744e-656564454649")
	TypeBasic    = MustGUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
)

// ParseGUID reads text such as c12a7328-f81f-11d2-ba4b-00a0c93ec93b.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	plain := strings.ReplaceAll(text, "-", "")
	if n, err := hex.Decode(g[:], []byte(plain[:min(len(plain), 32)])); err != nil || n != len(g) || !strings.EqualFold(g.String(), text) {
		return GUID{}, fmt.Errorf("parse GUID %q: must have the form of %s", text, GUID{})
	}
	return g, nil
}

// MustGUID is ParseGUID for constants; it panics on an error.
func MustGUID(text string) GUID {
	g, err := ParseGUID(text)
	if err != nil {
		panic(err)
	}
	return g
}

// DeriveGUID returns the identifier of a thing with a name, the same for the
// same seed: version 8 of RFC 9562, made of a hash.
func DeriveGUID(seed []byte, name string) GUID {
	h := sha256.New()
	fmt.Fprintf(h, "%d:", len(seed))
	h.Write(seed)
	h.Write([]byte(name))
	g := GUID(h.Sum(nil)[:16])
	g[6] = g[6]&0x0f | 0x80
	g[8] = g[8]&0x3f | 0x80
	return g
}

// String returns the text, in lower case.
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// put writes the identifier as UEFI stores it: the first three fields little endian.
func (g GUID) put(b []byte) {
	for i, from := range []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		b[i] = g[from]
	}
}

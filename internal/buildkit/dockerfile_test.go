package buildkit

import (
	"strings"
	"testing"

	"github.com/linuxkit/linuxkit/internal/image"
)

func TestBases(t *testing.T) {
	const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		dockerfile, want string
		args             map[string]string
	}{
		"plain":        {"FROM linuxkit/alpine:abc\n", "linuxkit/alpine:abc linux/arm64", nil},
		"untagged":     {"FROM alpine\n", "alpine linux/arm64", nil},
		"latest":       {"FROM alpine:latest\n", "alpine linux/arm64", nil},
		"full name":    {"FROM docker.io/linuxkit/alpine:abc\n", "linuxkit/alpine:abc linux/arm64", nil},
		"digest":       {"FROM linuxkit/alpine@" + zeros + "\n", "linuxkit/alpine@" + zeros + " linux/arm64", nil},
		"registry":     {"FROM 127.0.0.1:5000/a/b:c\n", "127.0.0.1:5000/a/b:c linux/arm64", nil},
		"scratch":      {"FROM scratch\nCOPY a /\n", "", nil},
		"stages":       {"FROM a:1 AS Build\nFROM build\nFROM build AS x\nCOPY --from=0 /a /\nCOPY --from=BUILD /a /\n", "a:1 linux/arm64", nil},
		"argument":     {"ARG V=1\nFROM a:${V}\n", "a:2 linux/arm64", map[string]string{"V": "2"}},
		"default":      {"ARG V=1\nARG W=x${V}\nFROM a:$W\n", "a:x1 linux/arm64", nil},
		"no default":   {"ARG V\nFROM a:1${V}\n", "a:1 linux/arm64", nil},
		"architecture": {"FROM a:$TARGETARCH\n", "a:arm64 linux/arm64", nil},
		"build":        {"FROM --platform=$BUILDPLATFORM a:1\n", "a:1 linux/amd64", nil},
		"fixed":        {"FROM --platform=linux/arm/v7 a:1\n", "a:1 linux/arm/v7", nil},
		"copied":       {"FROM scratch\nCOPY --from=a:1 /a /\nRUN --mount=from=b:1,target=/b --mount=type=cache,target=/c x\n", "a:1 linux/arm64, b:1 linux/arm64", nil},
		"once":         {"FROM a:1\nFROM a:1\nCOPY --from=a:1 /a /\n", "a:1 linux/arm64", nil},
		"escape":       {"# escape=`\nFROM a:1\nRUN a `\n b\n", "a:1 linux/arm64", nil},
	} {
		list, err := Bases([]byte(c.dockerfile), c.args, arm64, amd64)
		var got []string
		for _, b := range list {
			got = append(got, b.Familiar+" "+image.Format(b.Platform))
		}
		if err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestBadDockerfiles(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"ARG X\nFROM $X\n":               "base name ($X) should not be blank",
		"FROM --platform=nonsense a:1\n": "platform of base a:1",
		"":                               "no", "NONSENSE\n": "NONSENSE",
	} {
		if _, err := Bases([]byte(dockerfile), nil, arm64, amd64); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dockerfile, err, want)
		}
	}
}

func FuzzBases(f *testing.F) {
	f.Add("ARG A=1\nFROM a:$A AS x\nCOPY --from=b:1 / /\nRUN --mount=from=c true\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Bases([]byte(text), map[string]string{"A": "2"}, arm64, amd64)
		for _, b := range list {
			if err == nil && (b.Name == "" || b.Familiar == "" || b.Name == "scratch") {
				t.Errorf("image %+v", b)
			}
		}
	})
}

package reference

import (
	"errors"
	"strings"
	"testing"
)

var hex64 = strings.Repeat("ab", 32)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ in, plain, tagged string }{
		{"redis", "docker.io/library/redis", "docker.io/library/redis:latest"},
		{"redis:alpine", "docker.io/library/redis:alpine", "docker.io/library/redis:alpine"},
		{"redis@sha256:ab", "docker.io/library/redis@sha256:ab", "docker.io/library/redis@sha256:ab"},
		{"foo/bar", "docker.io/foo/bar", "docker.io/foo/bar:latest"},
		// A port is not a tag.
		{"foo:5000/bar", "foo:5000/bar", "foo:5000/bar:latest"},
		{"127.0.0.1:5000/pkgalpine", "127.0.0.1:5000/pkgalpine", "127.0.0.1:5000/pkgalpine:latest"},
		{"localhost/foo", "localhost/foo", "localhost/foo:latest"},
		{"myregistry.io/foo", "myregistry.io/foo", "myregistry.io/foo:latest"},
		{"foo/bar/baz", "foo/bar/baz", "foo/bar/baz:latest"},
		{"docker.io/redis", "docker.io/redis", "docker.io/redis:latest"},
		{"index.docker.io/library/redis", "index.docker.io/library/redis", "index.docker.io/library/redis:latest"},
	} {
		if got := Expand(c.in); got != c.plain {
			t.Errorf("Expand(%q) = %q, want %q", c.in, got, c.plain)
		}
		if got := ExpandTagged(c.in); got != c.tagged {
			t.Errorf("ExpandTagged(%q) = %q, want %q", c.in, got, c.tagged)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, canonical, familiar, object string }{
		{"redis", "docker.io/library/redis", "redis", "latest"},
		{"docker.io/redis:7", "docker.io/library/redis:7", "redis:7", "7"},
		{"index.docker.io/library/redis", "docker.io/library/redis", "redis", "latest"},
		{"registry-1.docker.io/a/b", "docker.io/a/b", "a/b", "latest"},
		{"foo/bar/baz:1", "docker.io/foo/bar/baz:1", "foo/bar/baz:1", "1"},
		{"127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x", "latest"},
		{"[::1]:5000/x:v1", "[::1]:5000/x:v1", "[::1]:5000/x:v1", "v1"},
		{"localhost/foo", "localhost/foo", "localhost/foo", "latest"},
		{"a.b/c:t@sha256:" + hex64, "a.b/c:t@sha256:" + hex64, "a.b/c:t@sha256:" + hex64, "sha256:" + hex64},
		{"docker.io/x.y/z", "docker.io/x.y/z", "docker.io/x.y/z", "latest"},
	} {
		r, err := Parse(c.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.in, err)
			continue
		}
		if r.String() != c.canonical || r.Familiar() != c.familiar || r.Object() != c.object {
			t.Errorf("Parse(%q) = %q, %q, %q", c.in, r.String(), r.Familiar(), r.Object())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "/", "/foo", "https://x.io/foo", "x.io/Foo", "x.io/", "x.io/a//b", "x.io/../../etc/passwd",
		"x.io/a:", "x.io/a:b c", "x.io/a:" + strings.Repeat("t", 129), "x.io/a@", "x.io/a@foo",
		"x.io/a@sha256:abc", "x.io/a@sha256:" + strings.ToUpper(hex64), "x.io/a@md5:" + hex64[:32],
		"x.io/a@sha256:../../../../../../etc/passwd", "x.io/" + strings.Repeat("a", 256), "-x.io/a", "x.io:/a",
		"x.io/a:b:c", "x.io/a\n", "x.io/a\x00",
	} {
		if r, err := Parse(in); !errors.Is(err, ErrInvalid) {
			t.Errorf("Parse(%q) = %v, %v, want an error", in, r, err)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"alpine", "docker.io/library/alpine:latest", true},
		{"docker.io/alpine", "index.docker.io/library/alpine", true},
		{"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", true},
		{"alpine:3", "alpine", false},
		{"x.io/a@sha256:" + hex64, "x.io/a", false},
		{"not valid", "not valid", true},
		{"not valid", "docker.io/library/not valid", false},
	} {
		if got := Same(c.a, c.b); got != c.want {
			t.Errorf("Same(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"redis", "a/b:c", "x.io:5000/a/b@sha256:" + hex64, "@", "[::1]/a", "a:b/c:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, err := Parse(in)
		if err != nil {
			return
		}
		for _, name := range []string{r.String(), r.Familiar()} {
			again, err := Parse(name)
			if err != nil || again != r {
				t.Errorf("Parse(%q) = %+v, but %q gives %+v, %v", in, r, name, again, err)
			}
		}
		if strings.Contains(r.Repository, "..") || strings.ContainsAny(r.String(), " \n\x00") {
			t.Errorf("Parse(%q) accepted %+v", in, r)
		}
	})
}

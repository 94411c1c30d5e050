package pkglib

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTransformBuildArg(t *testing.T) {
	r := newTestRepo(t)
	r.write("pkg/foo/sub/x", "")
	r.write("pkg/odd-one/build.yml", "image: odd-one\norg: my.reg/a\n")
	r.write("none/.git/x", "")
	r.write("files/a", "")
	r.commit()
	foo, bar := "linuxkit/foo:"+r.hash("pkg/foo"), "linuxkit/bar:"+r.hash("pkg/bar")
	odd := "my.reg/a/odd-one:" + r.hash("pkg/odd-one")
	for line, want := range map[string]string{
		"A=b":                             "A=b",
		"A=":                              "A=",
		"A=b=c":                           "A=b=c",
		"A= @lkt:pkg:x":                   "A= @lkt:pkg:x",
		"A=@lkt:pkg:../bar":               "A=" + bar,
		"A=@lkt:pkg:" + r.path("pkg/bar"): "A=" + bar,
		"H_%=@lkt:pkgs:../[fb]*":          "H_LINUXKIT_BAR=" + bar + " H_LINUXKIT_FOO=" + foo,
		"H_%_%=@lkt:pkgs:../{foo,odd*}":   "H_LINUXKIT_FOO_LINUXKIT_FOO=" + foo + " H_MY.REG_A_ODD_ONE_MY.REG_A_ODD_ONE=" + odd,
	} {
		got, err := TransformBuildArgValue(t.Context(), line, r.path("pkg/foo/build.yml"))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v; want %s", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"A":                          "invalid build-arg, must be in format 'arg=value': A",
		"=b":                         "invalid build-arg, must be in format 'arg=value'",
		"X=@lkt:pkgs:../*":           "invalid build arg key \"X\", must contain a '%'",
		"%=@lkt:pkgs:../*":           "must not start with '%'",
		"X=@lkt:foo:bar":             "unknown linuxkit build arg value \"@lkt:foo:bar\"",
		"X_%=@lkt:pkgs:[":            "syntax error in pattern",
		"X_%=@lkt:pkgs:../no*":       "no packages found matching path",
		"X_%=@lkt:pkgs:../../none/*": "no packages found at path",
		"X_%=@lkt:pkgs:../../f*":     "error loading packages from paths",
		"X=@lkt:pkg:../nosuch":       "build.yml: no such file or directory",
	} {
		if got, err := TransformBuildArgValue(t.Context(), line, r.path("pkg/foo/build.yml")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", line, got, err, want)
		}
	}
}

func TestBuildArgFile(t *testing.T) {
	r := newTestRepo(t)
	file := r.path("args")
	r.write("args", "A=1\n\n# comment\n  B = 2 \nC=@lkt:pkg:pkg/foo\nA=3\n")
	got, err := ReadBuildArgFile(t.Context(), file)
	want := []string{"A=1", "B=2", "C=linuxkit/foo:" + r.hash("pkg/foo"), "A=3"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	r.write("args", "nonsense\n")
	if _, err := ReadBuildArgFile(t.Context(), file); err == nil || !strings.Contains(err.Error(), "error transforming build arg nonsense:") {
		t.Error(err)
	}
	if _, err := ReadBuildArgFile(t.Context(), filepath.Join(r.dir, "nosuch")); err == nil || !strings.Contains(err.Error(), "error opening build args file") {
		t.Error(err)
	}
}

func TestArgs(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	r := newTestRepo(t)
	r.write("pkg/foo/build.yml", "image: foo\nbuildArgs: [\"SOURCE=mine\", \"X=yml\", \"Y=yml\"]\n")
	r.commit()
	o := &buildOpts{buildArgs: []string{"X=file", "X=later"}}
	p := r.load(defaults, "pkg/foo")
	if err := p.ProcessBuildArgs(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := p.args(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	head := r.git("rev-parse", "HEAD")
	for key, want := range map[string]string{
		"SOURCE": "mine", "X": "later", "Y": "yml", "REVISION": head, "PKG_HASH": p.Hash(), "PKG_IMAGE": "linuxkit/foo",
		"GOPKGVERSION": "v0.0.0-20260102030405-" + head[:12],
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	r.write("pkg/foo/new", "x")
	p = r.load(defaults, "pkg/foo")
	if got, err = p.args(t.Context(), o); err != nil || got["REVISION"] != "" || !regexp.MustCompile("-dirty-[0-9a-f]{7}$").MatchString(got["PKG_HASH"]) {
		t.Errorf("dirty: %v, %v", got, err)
	}
}

func TestExpandBraces(t *testing.T) {
	for pattern, want := range map[string]string{
		"a": "a", "{a,b}": "a b", "x/{a,b}*/{1,2}": "x/a*/1 x/b*/1 x/a*/2 x/b*/2", "{a,{b,c}d}": "a bd cd", "{a": "{a", "a}": "a}", "{}": "", "{a}": "a",
	} {
		if got := strings.Join(expandBraces(pattern), " "); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func FuzzTransformBuildArg(f *testing.F) {
	f.Add("K_%=@lkt:pkgs:p/{a,b}*")
	f.Add("K=v")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, ":/") || strings.Contains(line, "..") || strings.Count(line, "{") > 8 {
			return
		}
		args, err := TransformBuildArgValue(t.Context(), line, "/nonexistent/build.yml")
		for _, a := range args {
			if err == nil && !strings.Contains(a, "=") {
				t.Errorf("%q gives %q", line, a)
			}
		}
	})
}

package kcmd

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line string
		want Line
	}{
		{"", nil},
		{" \n", nil},
		{"a  b=c\td\n", Line{"a", "b=c", "d"}},
		{`x="a b" y`, Line{"x=a b", "y"}},
		{`"x=a b" ""`, Line{"x=a b", ""}},
		{`x="never closed `, Line{"x=never closed "}},
	} {
		if got := Parse(c.line); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%q) = %q, want %q", c.line, got, c.want)
		}
	}
}

func TestHasIsLiteral(t *testing.T) {
	l := Parse("xlinuxkit.unified_cgroup_hierarchy=0 linuxkit.unified_cgroup_hierarchy=00")
	if l.Has("linuxkit.unified_cgroup_hierarchy=0") {
		t.Error("part of a word was taken for the word")
	}
	if !Parse("a linuxkit.unified_cgroup_hierarchy=0").Has("linuxkit.unified_cgroup_hierarchy=0") {
		t.Error("the word was not found")
	}
}

func TestConsoles(t *testing.T) {
	l := Parse("console=tty0 root=/dev/vda console=ttyS0,115200n8 console= quiet")
	if got := l.Consoles(); !reflect.DeepEqual(got, []string{"tty0", "ttyS0"}) {
		t.Errorf("Consoles() = %q", got)
	}
	if got := Parse("a=1 a=2 b=3").Value("a"); got != "2" {
		t.Errorf("Value = %q, want the last one", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`console=ttyS0 x="a b" "`)
	f.Fuzz(func(t *testing.T, line string) {
		for _, w := range Parse(line) {
			if strings.Contains(w, `"`) {
				t.Fatalf("Parse(%q) kept a quote in %q", line, w)
			}
		}
	})
}

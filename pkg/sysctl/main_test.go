package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const file = `# comment
; comment
   
net.ipv4.tcp_syncookies = 1
net/ipv4/conf/eth0.1/rp_filter=2
kernel.core_pattern = |/bin/x a=b
nothing
= 5
`
	want := []setting{
		{"net/ipv4/tcp_syncookies", "1"},
		{"net/ipv4/conf/eth0.1/rp_filter", "2"},
		{"kernel/core_pattern", "|/bin/x a=b"},
	}
	got, problems, err := parse(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("settings %v, want %v", got, want)
	}
	if len(problems) != 2 {
		t.Errorf("problems %v, want two", problems)
	}
}

func TestApply(t *testing.T) {
	config, proc := t.TempDir(), t.TempDir()
	put := func(dir, name, content string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(proc, "fs/file-max", "")
	put(config, "00-first.conf", "fs.file-max = 1\nno.such = 1\n../escape = 1\n")
	put(config, "10-second.conf", "fs.file-max = 2\n")
	if err := apply(config, proc); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(proc, "fs/file-max"))
	if err != nil || string(got) != "2" {
		t.Errorf("file-max is %q, %v", got, err)
	}
	if err := apply(filepath.Join(config, "missing"), proc); err == nil {
		t.Error("no error for a missing directory")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a.b = c\n#\n;\n=\n")
	f.Fuzz(func(t *testing.T, file string) {
		settings, _, err := parse(strings.NewReader(file))
		if err != nil {
			return
		}
		for _, s := range settings {
			if s.path == "" {
				t.Errorf("setting without a name in %q", file)
			}
		}
	})
}

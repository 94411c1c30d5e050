package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	root := newRootCmd(&app{stdout: io.Discard, stderr: io.Discard})
	for in, want := range map[string]string{
		"run -publish 8080:80 p":             "run --publish 8080:80 p",
		"run qemu -mem=2048 -uefi p":         "run qemu --mem=2048 --uefi p",
		"run qemu --publish -publish p":      "run qemu --publish -publish p",
		"run qemu -disk -publish -usb p":     "run qemu --disk -publish --usb p",
		"-cache c run -gui p":                "--cache c run --gui p",
		"-v 2 run -cpus 2 p":                 "-v 2 run --cpus 2 p",
		"-q run p":                           "-q run p",
		"run -nonsense p":                    "run -nonsense p",
		"run -qv2 p":                         "run -qv2 p",
		"run qemu -- -publish":               "run qemu -- -publish",
		"serve -port :1 -directory d":        "serve --port :1 --directory d",
		"serve -publish":                     "serve -publish",
		"run qemu -verbose 2 -quiet=false p": "run qemu --verbose 2 --quiet=false p",
		"run - p":                            "run - p",
	} {
		if got := normalise(root, strings.Fields(in)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	root := newRootCmd(&app{stdout: io.Discard, stderr: io.Discard})
	f.Add("run\x00-publish\x001:1\x00p")
	f.Fuzz(func(t *testing.T, s string) {
		args := strings.Split(s, "\x00")
		got := normalise(root, args)
		if len(got) != len(args) {
			t.Fatalf("%q became %q", args, got)
		}
		for i := range args {
			if got[i] != args[i] && got[i] != "-"+args[i] {
				t.Errorf("%q became %q", args[i], got[i])
			}
		}
		if again := normalise(root, got); !slices.Equal(again, got) {
			t.Errorf("%q became %q, then %q", args, got, again)
		}
	})
}

package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/linuxkit/linuxkit/config"
)

// TestFiles checks which entries a file of the configuration becomes.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "hi"
	svc := &config.ID{Name: "svc"}
	for name, c := range map[string]struct {
		file config.File
		want []string
	}{
		"leading directories": {config.File{Path: "/a/b/c", Contents: &text, Mode: "0640", UID: svc}, []string{"5 a 750 100", "5 a/b 750 100", "0 a/b/c 640 100"}},
		"default mode":        {config.File{Path: "a/b", Contents: &text}, []string{"5 a 700 0", "0 a/b 600 0"}},
		"sticky directory":    {config.File{Path: "a/b", Directory: true, Mode: "1777"}, []string{"5 a 1777 0", "5 a/b 1777 0"}},
		"no permission":       {config.File{Path: "a/b", Contents: &text, Mode: "0000"}, []string{"5 a 0 0", "0 a/b 0 0"}},
		"existing directory":  {config.File{Path: "etc/b", Symlink: "../x"}, []string{"2 etc/b 600 0"}},
		"source":              {config.File{Path: "a", Source: plain, Mode: "0444"}, []string{"0 a 444 0"}},
		"optional":            {config.File{Path: "a/b", Source: plain + "s", Optional: true}, nil},
		"optional below file": {config.File{Path: "a/b", Source: plain + "/x", Optional: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &config.Config{Services: []*config.Container{{Name: "svc"}}}
			p := &planner{cfg: cfg, ids: cfg.IDs()}
			s, err := p.fileSegment(0, &c.file)
			if err != nil {
				t.Fatal(err)
			}
			var tree Tree
			tree.Begin(&Segment{})
			if _, err := tree.Add("etc", KindDir); err != nil {
				t.Fatal(err)
			}
			var got []string
			err = s.Walk(t.Context(), &tree, func(e *Entry) error {
				h := e.Header
				got = append(got, fmt.Sprintf("%c %s %o %d", h.Typeflag, h.Name, h.Mode, h.Uid))
				return nil
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

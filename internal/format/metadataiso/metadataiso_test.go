package metadataiso

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// entries reads the root directory back.
func entries(t *testing.T, image []byte) map[string]string {
	t.Helper()
	found := map[string]string{}
	for dir := image[rootSector*sectorSize:]; dir[0] != 0; dir = dir[dir[0]:] {
		name := string(dir[33 : 33+dir[32]])
		at := int(dir[2]) | int(dir[3])<<8
		size := int(dir[10]) | int(dir[11])<<8 | int(dir[12])<<16
		if dir[25]&2 == 0 {
			found[name] = string(image[at*sectorSize:][:size])
		}
	}
	return found
}

func TestWrite(t *testing.T) {
	for _, data := range []string{"", "hello", strings.Repeat("x", 2048), strings.Repeat("y", 10000)} {
		var image bytes.Buffer
		if err := Write(&image, UserData([]byte(data))); err != nil {
			t.Fatal(err)
		}
		got := entries(t, image.Bytes())
		if meta, found := got["meta-data"]; len(got) != 3 || got["config"] != data || got["user-data"] != data || meta != "" || !found {
			t.Errorf("%d bytes: root holds %d files: %.100q", len(data), len(got), got)
		}
		if want := (dataSector + (len(data)+sectorSize-1)/sectorSize) * sectorSize; image.Len() != want {
			t.Errorf("%d bytes of data make an image of %d, want %d", len(data), image.Len(), want)
		}
		descriptor := image.Bytes()[primarySector*sectorSize:]
		if sectors := int(descriptor[80]) | int(descriptor[81])<<8; sectors*sectorSize != image.Len() {
			t.Errorf("%d bytes: volume of %d sectors in an image of %d bytes", len(data), sectors, image.Len())
		}
	}
}

func TestWriteErrors(t *testing.T) {
	many := make([]File, 60)
	for i := range many {
		many[i].Name = strings.Repeat("n", 20) + string(rune('0'+i))
	}
	for name, files := range map[string][]File{
		"empty name": {{Name: ""}},
		"slash":      {{Name: "a/b"}},
		"long":       {{Name: strings.Repeat("n", 31)}},
		"order":      {{Name: "b"}, {Name: "a"}},
		"twice":      {{Name: "a"}, {Name: "a"}},
		"too many":   many,
	} {
		if err := Write(&bytes.Buffer{}, files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestForeignReader lets another program read the image.
func TestForeignReader(t *testing.T) {
	xorriso, err := exec.LookPath("xorriso")
	if err != nil {
		t.Skip("xorriso (Debian package xorriso) is not installed")
	}
	for _, data := range []string{"", "hello"} {
		checkForeign(t, xorriso, data)
	}
}

func checkForeign(t *testing.T, xorriso, data string) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data.iso")
	var image bytes.Buffer
	if err := Write(&image, UserData([]byte(data))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, image.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(xorriso, "-indev", path, "-toc", "-osirrox", "on", "-extract", "/", dir+"/out").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("cidata")) {
		t.Fatalf("xorriso: %v: %s", err, out)
	}
	for name, want := range map[string]string{"config": data, "user-data": data, "meta-data": ""} {
		if got, err := os.ReadFile(filepath.Join(dir, "out", name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

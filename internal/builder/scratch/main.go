package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/linuxkit/linuxkit/internal/builder"
	"github.com/linuxkit/linuxkit/internal/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func recipe(dir string) builder.Recipe {
	out, err := exec.Command("python3", "-c", `
import yaml,json,sys
d=yaml.safe_load(open(sys.argv[1]+"/build.yml"))
for l in d["layers"]:
  if isinstance(l.get("debian"),list): l["debian"]={"packages":l["debian"]}
  if isinstance(l.get("files"),str): l["files"]={"path":l["files"]}
print(json.dumps({"Layers":d["layers"],"Entrypoint":d.get("entrypoint")}))`, dir).Output()
	if err != nil {
		panic(err)
	}
	var r builder.Recipe
	if err := json.Unmarshal(out, &r); err != nil {
		panic(err)
	}
	r.Dir = dir
	return r
}

func main() {
	ctx := context.Background()
	s, _ := content.Open("/tmp/bld/cache")
	if os.Args[1] == "lock" {
		for _, d := range os.Args[2:] {
			if err := builder.Lock(ctx, recipe(d), nil); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		return
	}
	arches := strings.Split(os.Args[1], ",")
	for _, d := range os.Args[2:] {
		for _, a := range arches {
			t := time.Now()
			m, err := builder.Build(ctx, s, recipe(d), ocispec.Platform{OS: "linux", Architecture: a})
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(d, a, m.Digest, time.Since(t).Round(time.Millisecond))
			to := filepath.Join("/tmp/bld/out", filepath.Base(d)+"-"+a)
			os.RemoveAll(to)
			os.MkdirAll(to, 0o755)
			data, _ := s.ReadAll(ctx, m)
			var man ocispec.Manifest
			json.Unmarshal(data, &man)
			os.WriteFile(to+".json", data, 0o644)
			for _, l := range man.Layers {
				c := exec.Command("sh", "-c", "zstd -dc | tar xf - -C "+to)
				r, err := s.Reader(ctx, l)
				if err != nil {
					panic(err)
				}
				c.Stdin = r
				if out, err := c.CombinedOutput(); err != nil {
					fmt.Println("untar:", err, string(out))
				}
			}
		}
	}
}

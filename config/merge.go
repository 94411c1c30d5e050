package config

import (
	"strconv"
	"strings"
)

// Merge returns the configuration that several documents make together, in
// their order: lists are concatenated; of the kernel section, a later value
// replaces an earlier one. Entries are shared with the documents.
func Merge(docs ...*Config) *Config {
	sum := &Config{Fields: Positions{}}
	for _, doc := range docs {
		sum.Kernel = mergeKernel(sum.Kernel, doc.Kernel)
		for path, pos := range doc.Fields {
			sum.Fields[shiftInit(path, len(sum.Init))] = pos
		}
		sum.Init = append(sum.Init, doc.Init...)
		sum.Onboot = append(sum.Onboot, doc.Onboot...)
		sum.Onshutdown = append(sum.Onshutdown, doc.Onshutdown...)
		sum.Services = append(sum.Services, doc.Services...)
		sum.Files = append(sum.Files, doc.Files...)
		sum.Volumes = append(sum.Volumes, doc.Volumes...)
	}
	return sum
}

// shiftInit renumbers the path of an init image.
func shiftInit(path string, by int) string {
	n, found := strings.CutPrefix(path, "init.")
	if i, err := strconv.Atoi(n); found && err == nil {
		return "init." + strconv.Itoa(i+by)
	}
	return path
}

func mergeKernel(old, later Kernel) Kernel {
	sum := old
	sum.Fields = Positions{}
	for path, pos := range old.Fields {
		sum.Fields[path] = pos
	}
	if sum.Pos == (Position{}) {
		sum.Pos = later.Pos
	}
	take := func(path string) {
		if pos, ok := later.Fields[path]; ok {
			sum.Fields[path] = pos
		}
	}
	if later.Image != "" {
		sum.Image = later.Image
		take("image")
	}
	if later.Cmdline != "" {
		sum.Cmdline = later.Cmdline
		take("cmdline")
	}
	if later.Binary != "" {
		sum.Binary = later.Binary
		take("binary")
	}
	if later.Tar != nil {
		sum.Tar = later.Tar
		take("tar")
	}
	if later.UCode != nil {
		sum.UCode = later.UCode
		take("ucode")
	}
	return sum
}

package output

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"text/template"

	"github.com/linuxkit/linuxkit/internal/format/disk"
)

//go:embed machine.ovf
var machineOVF string

// writeOVA writes an OVF package, that is DSP0243 of the DMTF, as one tar: the
// description of the machine, the hashes of the files, and the disk.
func writeOVA(ctx context.Context, b *build, out *fileSet) error {
	im, err := b.cloudDisk(ctx, "ova", gib, mib)
	if err != nil {
		return err
	}
	diskName := b.opts.Name + "-disk1.vmdk"
	vmdk, err := b.temp(func(f *os.File) error { return b.encodeVMDK(ctx, im, diskName, f) })
	if err != nil {
		return err
	}
	content, err := fileBlob(vmdk)
	if err != nil {
		return err
	}
	ovf, err := describeMachine(b.opts.Name, diskName, im, content.size)
	if err != nil {
		return err
	}
	manifest, err := ovfManifest([]named{{b.opts.Name + ".ovf", ovf}, {diskName, content}})
	if err != nil {
		return err
	}
	return out.write(".ova", func(f *os.File) error {
		t := newTarWriter(f)
		for _, e := range []named{{b.opts.Name + ".ovf", ovf}, {b.opts.Name + ".mf", manifest}, {diskName, content}} {
			if err := t.plain(e.path, e.size, e.reader()); err != nil {
				return err
			}
		}
		return t.w.Close()
	})
}

func describeMachine(name, diskName string, im *disk.Image, fileSize int64) (blob, error) {
	escape := func(s string) (string, error) {
		var b bytes.Buffer
		err := xml.EscapeText(&b, []byte(s))
		return b.String(), err
	}
	t, err := template.New("ovf").Funcs(template.FuncMap{"xml": escape}).Parse(machineOVF)
	if err != nil {
		return blob{}, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]any{"Name": name, "Disk": diskName, "Capacity": im.Size, "FileSize": fileSize})
	return bytesBlob(text.Bytes()), err
}

func ovfManifest(files []named) (blob, error) {
	var text bytes.Buffer
	for _, f := range files {
		sum := sha256.New()
		if _, err := io.Copy(sum, f.reader()); err != nil {
			return blob{}, err
		}
		fmt.Fprintf(&text, "SHA256(%s)= %x\n", f.path, sum.Sum(nil))
	}
	return bytesBlob(text.Bytes()), nil
}

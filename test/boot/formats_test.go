package boot_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// cell is one way to boot one format.
type cell struct {
	format, arch string
	by, from     string // what starts it, and from which medium
	root         string // type of the file system that is the root
	memory       string // in MB
	// prepare makes what run takes of the files with a prefix; it returns the
	// image and further flags.
	prepare func(t *testing.T, prefix string) (image string, flags []string)
	// emulate starts a machine that "linuxkit run" does not know; nil is one
	// that it does.
	emulate func(t *testing.T, image string) *machine
}

const (
	inMemory = "*" // an initrd, as a tmpfs or ramfs
	uefi     = "UEFI"
	bios     = "BIOS"
	direct   = "QEMU"
	uboot    = "U-Boot"
)

// cells are the ways that are tested.
var cells = []cell{
	{"kernel+initrd", "amd64", direct, "", inMemory, "256", suffix(""), nil},
	{"tar-kernel-initrd", "amd64", direct, "", inMemory, "256", untarKernel, nil},
	{"kernel+squashfs", "amd64", direct, "disk", "squashfs", "128", suffix("", "--squashfs"), nil},
	{"kernel+erofs", "amd64", direct, "disk", "erofs", "128", suffix("", "--erofs"), nil},
	{"kernel+iso", "amd64", direct, "disk", "iso9660", "128", kernelISO, nil},
	{"iso-bios", "amd64", bios, "CD", "iso9660", "128", suffix(".iso"), nil},
	{"iso-efi", "amd64", uefi, "CD", "iso9660", "256", suffix("-efi.iso"), nil},
	{"iso-efi-initrd", "amd64", uefi, "CD", inMemory, "512", suffix("-efi-initrd.iso"), nil},
	{"iso", "amd64", bios, "CD", inMemory, "512", suffix(".iso"), nil},
	{"iso", "amd64", uefi, "CD", inMemory, "512", suffix(".iso"), nil},
	{"iso", "amd64", bios, "disk", inMemory, "512", asDisk(".iso"), nil},
	{"iso", "amd64", uefi, "disk", inMemory, "512", asDisk(".iso"), nil},
	{"raw-bios", "amd64", bios, "disk", inMemory, "512", suffix("-bios.img"), nil},
	{"raw-efi", "amd64", uefi, "disk", inMemory, "512", suffix("-efi.img"), nil},
	{"qcow2-bios", "amd64", bios, "disk", inMemory, "512", suffix(".qcow2"), nil},
	{"qcow2-efi", "amd64", uefi, "disk", inMemory, "512", suffix("-efi.qcow2"), nil},
	{"aws", "amd64", bios, "disk", inMemory, "512", suffix(".raw"), nil},
	{"gcp", "amd64", bios, "disk", inMemory, "512", unpackGCP, nil},
	{"vhd", "amd64", bios, "disk", inMemory, "512", suffix(".vhd"), nil},
	{"dynamic-vhd", "amd64", bios, "disk", inMemory, "512", suffix(".vhd"), nil},
	{"vmdk", "amd64", bios, "disk", inMemory, "512", convertVMDK, nil},
	{"ova", "amd64", bios, "disk", inMemory, "512", unpackOVA, nil},
	{"uki", "amd64", uefi, "disk", inMemory, "512", ukiDisk("BOOTX64.EFI"), nil},
	{"kernel+squashfs", "arm64", direct, "disk", "squashfs", "160", suffix("", "--squashfs"), nil},
	{"kernel+erofs", "arm64", direct, "disk", "erofs", "160", suffix("", "--erofs"), nil},
	{"iso-efi", "arm64", uefi, "disk", "iso9660", "512", suffix("-efi.iso"), nil},
	{"iso-efi-initrd", "arm64", uefi, "disk", inMemory, "512", suffix("-efi-initrd.iso"), nil},
	{"iso", "arm64", uefi, "disk", inMemory, "512", suffix(".iso"), nil},
	{"raw-efi", "arm64", uefi, "disk", inMemory, "512", suffix("-efi.img"), nil},
	{"qcow2-efi", "arm64", uefi, "disk", inMemory, "512", suffix("-efi.qcow2"), nil},
	{"uki", "arm64", uefi, "disk", inMemory, "512", ukiDisk("BOOTAA64.EFI"), nil},
	{"rpi3", "arm64", uboot, "SD card", inMemory, "1024", sdCard, raspberryPi},
	{"kernel+squashfs", "riscv64", direct, "disk", "squashfs", "256", suffix("", "--squashfs"), nil},
	{"iso-efi", "riscv64", uefi, "disk", "iso9660", "512", suffix("-efi.iso"), nil},
	{"iso-efi-initrd", "riscv64", uefi, "disk", inMemory, "512", suffix("-efi-initrd.iso"), nil},
	{"iso", "riscv64", uefi, "disk", inMemory, "512", suffix(".iso"), nil},
	{"raw-efi", "riscv64", uefi, "disk", inMemory, "512", suffix("-efi.img"), nil},
	{"qcow2-efi", "riscv64", uefi, "disk", inMemory, "512", suffix("-efi.qcow2"), nil},
	{"uki", "riscv64", uefi, "disk", inMemory, "512", ukiDisk("BOOTRISCV64.EFI"), nil},
}

// booted is what the systems do: one container looks at the root, the next
// switches the machine off.
const booted = `onboot:
  - name: booted
    image: "@pkg:%[1]s"
    pid: host
    capabilities: [all]
    env: ["MOUNTS=/proc/1/mountinfo"]
    command: ["/probe", "say", "booted", "--", "mount", "/", "%[2]s", "ro"]
  - name: off
    image: "@pkg:%[1]s"
    pid: host
    capabilities: [all]
    command: ["/probe", "signal", "1", "SIGUSR2"]
`

// TestFormats boots a system from every format and checks that the table of
// docs/formats.md says so.
func TestFormats(t *testing.T) {
	t.Run("boot", func(t *testing.T) {
		dir := t.TempDir() // lives longer than those of the cells
		prefixes := map[string]string{}
		for _, c := range cells {
			t.Run(c.name(), func(t *testing.T) {
				needEmulator(t, c.arch)
				key := c.arch + c.root + c.format
				if prefixes[key] == "" {
					for _, g := range buildGroup(t, dir, c.arch, c.root) {
						prefixes[c.arch+c.root+g.format] = g.prefix
					}
				}
				t.Parallel()
				c.boot(t, prefixes[key])
			})
		}
	})
	if !t.Failed() {
		checkTable(t, "../../docs/formats.md")
	}
}

func (c cell) name() string { return strings.Join([]string{c.format, c.arch, c.by, c.from}, "/") }

func (c cell) boot(t *testing.T, prefix string) {
	m := c.start(t, prefix)
	m.expect("ok: say booted", "ok: mount / ")
	if err := m.end(); err != nil {
		t.Errorf("power-off gives %v", err)
	}
	m.sound()
}

func (c cell) start(t *testing.T, prefix string) *machine {
	image, flags := c.prepare(t, prefix)
	if c.emulate != nil {
		return c.emulate(t, image)
	}
	flags = append(flags, "--mem", c.memory, "--state", filepath.Join(t.TempDir(), "state"))
	if c.by == uefi {
		flags = append(flags, "--uefi")
	}
	return start(t, c.arch, image, flags...)
}

// made is where the files of a format are.
type made struct{ format, prefix string }

// buildGroup builds all formats of an architecture with one kind of root.
// Those that make the same file, or have a system of their own, are built one
// after the other.
func buildGroup(t *testing.T, dir, arch, root string) []made {
	t.Helper()
	probe, err := filepath.Abs("../pkg/probe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err = os.MkdirTemp(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	yml := filepath.Join(dir, "booted.yml")
	if err := os.WriteFile(yml, fmt.Appendf(nil, booted, probe, root), 0o644); err != nil {
		t.Fatal(err)
	}
	var all []made
	for i, names := range apart(arch, root, []string{"dynamic-vhd", "iso-bios", "rpi3"}) {
		files := []string{"testdata/formats.yml", yml}
		if names[0] == "rpi3" {
			files = append(files, "testdata/rpi3.yml")
		}
		prefix := buildIn(t, filepath.Join(dir, fmt.Sprint(i)), arch, []string{"--format", strings.Join(names, ",")}, files...)
		for _, name := range names {
			all = append(all, made{name, prefix})
		}
	}
	return all
}

// apart returns the formats of a group: those that are alone by themselves.
func apart(arch, root string, alone []string) [][]string {
	var lists [][]string
	var together []string
	for _, c := range cells {
		switch {
		case c.arch != arch || c.root != root || slices.Contains(together, c.format):
		case slices.Contains(alone, c.format):
			lists = append(lists, []string{c.format})
		default:
			together = append(together, c.format)
		}
	}
	if len(together) > 0 {
		lists = append(lists, together)
	}
	return lists
}

// checkTable compares the table with the document.
func checkTable(t *testing.T, name string) {
	t.Helper()
	const begin, end = "<!-- made by test/boot -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	old, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the table", name)
	}
	table := renderTable()
	if *update {
		text := before + begin + table + end + after
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table {
		t.Errorf("%s is out of date; go test ./test/boot -run Formats -update writes the table anew", name)
	}
}

func renderTable() string {
	var b bytes.Buffer
	b.WriteString("| format | architecture | started by | from | root | memory |\n|---|---|---|---|---|---|\n")
	for _, c := range cells {
		root := c.root
		if root == inMemory {
			root = "in memory"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s MB |\n", c.format, c.arch, c.by, c.from, root, c.memory)
	}
	return b.String()
}

// suffix runs a file as it is.
func suffix(suffix string, flags ...string) func(*testing.T, string) (string, []string) {
	return func(_ *testing.T, prefix string) (string, []string) { return prefix + suffix, flags }
}

// asDisk runs an ISO image as a disk.
func asDisk(suffix string) func(*testing.T, string) (string, []string) {
	return func(t *testing.T, prefix string) (string, []string) {
		name := filepath.Join(t.TempDir(), "stick.img")
		command(t, "cp", "--sparse=always", prefix+suffix, name)
		return name, nil
	}
}

// command runs a program.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func untarKernel(t *testing.T, prefix string) (string, []string) {
	dir := t.TempDir()
	command(t, "tar", "-x", "-C", dir, "-f", prefix+"-initrd.tar", "--transform", "s/^/x-/")
	return filepath.Join(dir, "x"), nil
}

// kernelISO runs kernel and initrd with the ISO image as the first disk.
func kernelISO(t *testing.T, prefix string) (string, []string) {
	to := filepath.Join(t.TempDir(), "x")
	command(t, "cp", prefix+"-kernel", to+"-kernel")
	command(t, "cp", prefix+"-iso-initrd.img", to+"-initrd.img")
	line, err := os.ReadFile(prefix + "-cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+"-cmdline", append(line, " root=LABEL=LinuxKit"...), 0o644); err != nil {
		t.Fatal(err)
	}
	return to, []string{"--disk", prefix + ".iso,format=raw"}
}

func unpackGCP(t *testing.T, prefix string) (string, []string) {
	dir := t.TempDir()
	command(t, "tar", "-x", "-z", "-S", "-C", dir, "-f", prefix+".img.tar.gz")
	return filepath.Join(dir, "disk.raw"), nil
}

// convertVMDK makes a disk that can be written to.
func convertVMDK(t *testing.T, prefix string) (string, []string) { return fromVMDK(t, prefix+".vmdk") }

func fromVMDK(t *testing.T, name string) (string, []string) {
	disk := filepath.Join(t.TempDir(), "disk.raw")
	command(t, "qemu-img", "convert", "-f", "vmdk", "-O", "raw", name, disk)
	return disk, nil
}

func unpackOVA(t *testing.T, prefix string) (string, []string) {
	dir := t.TempDir()
	command(t, "tar", "-x", "-C", dir, "-f", prefix+".ova")
	return fromVMDK(t, filepath.Join(dir, filepath.Base(prefix)+"-disk1.vmdk"))
}

// ukiDisk puts the program where firmware starts it.
func ukiDisk(name string) func(*testing.T, string) (string, []string) {
	return func(t *testing.T, prefix string) (string, []string) {
		disk := filepath.Join(t.TempDir(), "esp.img")
		command(t, "truncate", "-s", "128M", disk)
		command(t, "mformat", "-i", disk, "-F", "::")
		command(t, "mmd", "-i", disk, "::EFI", "::EFI/BOOT")
		command(t, "mcopy", "-i", disk, prefix+".efi", "::EFI/BOOT/"+name)
		return disk, nil
	}
}

// sdCard unpacks the files for a Raspberry Pi and makes the card from them; it
// returns the directory of both.
func sdCard(t *testing.T, prefix string) (string, []string) {
	dir := t.TempDir()
	card := filepath.Join(dir, "card.img")
	command(t, "tar", "-x", "-C", dir, "-f", prefix+".tar")
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	command(t, "truncate", "-s", "128M", card)
	command(t, "sh", "-c", "echo 2048,,c,* | sfdisk -q "+card)
	at := card + "@@1M"
	command(t, "mformat", "-i", at, "-F", "-h", "16", "-s", "63", "-H", "2048", "-T", fmt.Sprint(127<<11), "::")
	command(t, "mcopy", append([]string{"-s", "-i", at}, append(files, "::")...)...)
	return dir, nil
}

// raspberryPi starts the board as its firmware would, which cannot be
// emulated: with U-Boot and a device tree from the card in its memory.
func raspberryPi(t *testing.T, dir string) *machine {
	return startCommand(t, exec.Command(emulators["arm64"], "-M", "raspi3b", "-display", "none", "-monitor", "none", "-no-reboot",
		"-kernel", filepath.Join(dir, "u-boot.bin"), "-dtb", filepath.Join(dir, "bcm2837-rpi-3-b.dtb"),
		"-drive", "if=sd,format=raw,file="+filepath.Join(dir, "card.img"), "-serial", "null", "-serial", "stdio"))
}

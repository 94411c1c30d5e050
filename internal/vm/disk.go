package vm

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrNoDisk means that a disk has neither a file nor a size.
var ErrNoDisk = errors.New("disk specified with no size or name")

// Disk is a disk as asked for.
type Disk struct {
	Path   string // empty: a file of the state directory
	SizeMB int    // in MiB; 0: the file exists
	Format string // empty: the backend's default for a new disk
}

// ParseDisk reads "[file=]path,size=1G,format=qcow2". The parts come in any
// order and each may be missing; a later path replaces an earlier one. A comma
// in a path is written twice.
func ParseDisk(spec string) (Disk, error) {
	var d Disk
	for _, item := range splitItems(spec) {
		if err := d.set(item); err != nil {
			return Disk{}, fmt.Errorf("disk %q: %w", spec, err)
		}
	}
	if d.Path == "" && d.SizeMB == 0 {
		return Disk{}, fmt.Errorf("disk %q: %w", spec, ErrNoDisk)
	}
	return d, nil
}

// splitItems splits at single commas; two commas stand for one.
func splitItems(s string) []string {
	const comma = "\x00"
	items := strings.Split(strings.ReplaceAll(s, ",,", comma), ",")
	for i := range items {
		items[i] = strings.ReplaceAll(items[i], comma, ",")
	}
	return items
}

func (d *Disk) set(item string) (err error) {
	key, value, found := strings.Cut(item, "=")
	if !found {
		key, value = "file", item
	}
	switch key {
	case "file":
		d.Path = value
	case "size":
		d.SizeMB, err = ParseSizeMB(value)
	case "format":
		d.Format, err = checkFormat(value)
	default:
		err = fmt.Errorf("unknown key %q (known: file, size, format)", key)
	}
	return err
}

func checkFormat(s string) (string, error) {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return "", fmt.Errorf("invalid format %q", s)
		}
	}
	return s, nil
}

// maxSizeMB is 4 EiB, half of where file sizes end, or what an int can hold.
const maxSizeMB = min(1<<42, math.MaxInt)

// ParseSizeMB reads a size in GiB ("1", "1G") or MiB ("100M") and returns MiB.
// The empty string is 0, which stands for "not given".
func ParseSizeMB(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	number, unit := s, 1024
	switch s[len(s)-1] {
	case 'G':
		number = s[:len(s)-1]
	case 'M':
		number, unit = s[:len(s)-1], 1
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > min(maxSizeMB, math.MaxInt)/uint64(unit) {
		return 0, fmt.Errorf("invalid size %q: want a whole number of gigabytes (\"1\", \"1G\") or megabytes (\"100M\")", s)
	}
	return int(n) * unit, nil
}

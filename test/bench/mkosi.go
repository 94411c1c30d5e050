package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
)

// mkosiPatience is how long mkosi may take for one image, as timeout has it.
const mkosiPatience = "20m"

// ownRun hides what systemd-nspawn refuses to work with: a directory of its
// own below /run that is on a disk, as in containers.
const ownRun = `mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && exec "$@"`

// mkosiImages are what mkosi makes of Debian, with a kernel where firmware
// boots it; old and new are the arguments before and since version 15.
var mkosiImages = []struct {
	name     string
	old, new []string
}{
	{"as cpio archive without kernel", []string{"--format", "cpio"}, []string{"--format", "cpio"}},
	{
		"as a disk for UEFI", []string{"--format", "gpt_ext4", "--bootable", "--package", "linux-image-amd64"},
		[]string{"--format", "disk", "--bootable", "yes", "--package", "linux-image-amd64", "--package", "systemd", "--package", "systemd-boot"},
	},
}

// benchMkosi has mkosi make images of Debian, and again after a one-line change
// with what it keeps in a cache. Where it cannot, the row says why.
func benchMkosi(ctx context.Context, table *tabwriter.Writer) error {
	version, err := mkosiVersion(ctx)
	if err != nil {
		row(table, "mkosi", err.Error(), "")
		return nil
	}
	// Programs that mkosi starts elsewhere take no relative path.
	work, err := filepath.Abs(filepath.Join(dir, "mkosi"))
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, image := range mkosiImages {
		if err := os.RemoveAll(work); err != nil {
			return err
		}
		args := mkosiArgs(version, work, image.old, image.new)
		for i, how := range []string{"cold, with downloads", "after a one-line change"} {
			if err := prepareMkosi(work, i); err != nil {
				return err
			}
			c, err := runMkosi(ctx, filepath.Join(work, "log"), args)
			figure := fmt.Sprintf("%.0f s, %s", c.wall.Seconds(), mib(c.peak))
			if err != nil {
				figure = err.Error()
			}
			row(table, fmt.Sprintf("mkosi %d, Debian %s, %s", version, image.name, how), figure, "")
			if err != nil {
				break
			}
		}
	}
	return nil
}

// mkosiVersion returns the main version, or why mkosi cannot be used.
func mkosiVersion(ctx context.Context) (int, error) {
	if _, err := exec.LookPath("mkosi"); err != nil {
		return 0, fmt.Errorf("is not installed")
	}
	if os.Getuid() != 0 {
		return 0, fmt.Errorf("needs root")
	}
	out, err := exec.CommandContext(ctx, "mkosi", "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("mkosi --version: %w", err)
	}
	main, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "mkosi "), ".")
	return strconv.Atoi(main)
}

// mkosiArgs are those that both kinds of versions have, in their words.
func mkosiArgs(version int, work string, old, new []string) []string {
	args := []string{"--distribution", "debian", "--release", "trixie", "--extra-tree", filepath.Join(work, "extra"), "--force"}
	if version < 15 {
		args = append(args, "--incremental", "--cache", filepath.Join(work, "cache"), "--workspace-dir", filepath.Join(work, "work"), "--nspawn-keep-unit")
		return append(append(args, old...), "--output", filepath.Join(work, "image"), "build")
	}
	args = append(args, "--incremental=yes", "--cache-directory", filepath.Join(work, "cache"), "--workspace-directory", filepath.Join(work, "work"))
	return append(append(args, new...), "--output-directory", work, "--output", "image", "build")
}

// prepareMkosi makes the directories of mkosi, and the change.
func prepareMkosi(work string, n int) error {
	for _, name := range []string{"cache", "work", "extra/etc"} {
		if err := os.MkdirAll(filepath.Join(work, name), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(work, "extra/etc/edit"), fmt.Appendln(nil, n), 0o644)
}

// runMkosi measures it; the error is the first one that was printed.
func runMkosi(ctx context.Context, log string, args []string) (cost, error) {
	f, err := os.Create(log)
	if err != nil {
		return cost{}, err
	}
	defer f.Close()
	words := append([]string{mkosiPatience, "unshare", "--mount", "sh", "-c", ownRun, "sh", "mkosi"}, args...)
	c, err := measureTo(ctx, f, nil, "timeout", words...)
	if err == nil {
		return c, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return c, err
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fault.MatchString(lines.Text()) {
			return c, fmt.Errorf("fails: %.150s", strings.TrimSpace(lines.Text()))
		}
	}
	return c, err
}

// fault is how mkosi and what it runs begin to say why they end.
var fault = regexp.MustCompile(`(?i)^\W*(e|error|mount|subprocess\.\w+): `)

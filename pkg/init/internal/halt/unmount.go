package halt

import (
	"log"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// entry is one line of a table such as /proc/mounts.
type entry struct{ source, target, kind string }

// virtual are the types that hold nothing to be written. They are in the way of
// others at most.
var virtual = strings.Fields(`autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs
	fusectl hugetlbfs mqueue nsfs proc pstore ramfs rootfs securityfs selinuxfs sysfs tmpfs tracefs`)

// kept are the directories that the rest of the shutdown needs, with all below.
var kept = []string{"/dev", "/proc", "/sys"}

// remote are the types whose server may not answer any more.
var remote = strings.Fields("9p afs ceph cifs fuse.glusterfs fuse.sshfs ncpfs nfs nfs4 smb3")

// unmountAll unmounts what can be and makes read-only what cannot, the latest
// first, so that mounts within others come before them.
func unmountAll() {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		log.Print(err)
		return
	}
	for _, e := range unmountOrder(parseMounts(string(text))) {
		if err := e.unmount(); err != nil {
			log.Printf("unmount %s: %v", e.target, err)
		}
	}
}

// unmountOrder leaves out what is kept and reverses the rest.
func unmountOrder(mounts []entry) []entry {
	var order []entry
	for _, e := range slices.Backward(mounts) {
		if !e.isKept() {
			order = append(order, e)
		}
	}
	return order
}

func (e entry) isKept() bool {
	if e.target == "/" {
		return slices.Contains(virtual, e.kind)
	}
	for _, dir := range kept {
		if e.target == dir || strings.HasPrefix(e.target, dir+"/") {
			return true
		}
	}
	return false
}

func (e entry) unmount() error {
	if e.target == "/" {
		return readOnly(e.target)
	}
	if slices.Contains(remote, e.kind) {
		return unix.Unmount(e.target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	err := unix.Unmount(e.target, unix.UMOUNT_NOFOLLOW)
	if err == nil || slices.Contains(virtual, e.kind) {
		return nil
	}
	if readOnly(e.target) == nil {
		log.Printf("%s is busy; it was made read-only", e.target)
		return nil
	}
	return err
}

func readOnly(target string) error {
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// swapOff ends the use of all swap.
func swapOff(table string) {
	text, err := os.ReadFile(table)
	if err != nil {
		return
	}
	for _, file := range parseSwaps(string(text)) {
		if err := swapoff(file); err != nil {
			log.Printf("swapoff %s: %v", file, err)
		}
	}
}

func swapoff(file string) error {
	name, err := unix.BytePtrFromString(file)
	if err != nil {
		return err
	}
	return swapoffCall(name)
}

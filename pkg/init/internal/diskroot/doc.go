// Package diskroot boots a system whose root is a file system on a device: it
// finds the device that the kernel's command line names, loads what that takes,
// mounts it and goes on from there.
//
// It is for the small initramfs that the tool makes when drivers are modules.
// It mounts read-only and only what it recognizes or is told: squashfs, EROFS,
// ISO 9660, ext4, or rootfstype=. It refuses roots on networks, volume groups
// and encrypted disks.
package diskroot

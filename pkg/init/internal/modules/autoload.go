package modules

import "os"

// Autoload lets the kernel start modprobe when something it does not have is
// asked for, or keeps it from doing so. Kernels without modules do not care.
func Autoload(on bool) {
	program := "\n"
	if on {
		program = "/sbin/modprobe\n"
	}
	_ = os.WriteFile("/proc/sys/kernel/modprobe", []byte(program), 0)
}

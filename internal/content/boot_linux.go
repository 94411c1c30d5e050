package content

import (
	"os"
	"strings"
	"sync"
)

// bootID names the current boot of the host, empty if that is not known.
var bootID = sync.OnceValue(func() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSpace(string(data)), "-", "")
})

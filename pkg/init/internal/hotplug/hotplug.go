// Package hotplug gives devices their drivers: those that are there at boot, and
// those that come later.
//
// The kernel makes the device nodes itself; what is left is to load modules by
// the aliases of devices, and to mount the interfaces that modules bring.
package hotplug

import (
	"errors"
	"log"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/linuxkit/linuxkit/pkg/init/internal/modules"
	"github.com/linuxkit/linuxkit/pkg/init/internal/mounts"
	"github.com/linuxkit/linuxkit/pkg/init/internal/uevent"
)

// Plugger loads modules for devices.
type Plugger struct {
	words  []string // the kernel's command line
	events *uevent.Listener
	later  []string // modules that the boot need not wait for
}

// New begins to listen, so that nothing is missed from here on. The words are
// those of the kernel's command line.
func New(words []string) (*Plugger, error) {
	events, err := uevent.Listen()
	return &Plugger{words: words, events: events}, err
}

// Cold loads what the devices of the machine need, the modules listed in
// modules-load.d, and what containers will ask for. Devices that come up while
// it works are served too.
func (p *Plugger) Cold() error {
	db, err := modules.Open(p.words)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range append(modules.Listed("/"), unasked()...) {
		failed = append(failed, db.Probe(name))
	}
	seen := map[string]bool{}
	for fresh := first(modules.Devices("/sys"), seen); len(fresh) > 0; fresh = first(p.pending(), seen) {
		now, later := split(db, db.Find(fresh))
		p.later = append(p.later, later...)
		failed = append(failed, db.LoadAll(now))
	}
	return errors.Join(failed...)
}

// unasked are modules that are sure to be wanted, and cheaper to load here than
// when the kernel has to start a program for it.
func unasked() []string {
	var names []string
	if writable, _ := filepath.Glob("/containers/*/*/lower"); len(writable) > 0 && !mounts.HasType("overlay") {
		names = append(names, "overlay")
	}
	return names
}

// first returns the aliases that come up for the first time.
func first(aliases []string, seen map[string]bool) []string {
	var fresh []string
	for _, a := range aliases {
		if !seen[a] {
			seen[a] = true
			fresh = append(fresh, a)
		}
	}
	return fresh
}

// patient are the directories of drivers that nothing in a boot depends on. To
// load a module costs a modern machine a tenth of a millisecond and an emulated
// one a tenth of a second, most of it spent on the signature.
var patient = []string{
	"kernel/arch/", "kernel/crypto/", "kernel/lib/", "kernel/sound/",
	"kernel/drivers/cpufreq/", "kernel/drivers/edac/", "kernel/drivers/firmware/",
	"kernel/drivers/gpu/", "kernel/drivers/hid/", "kernel/drivers/hwmon/",
	"kernel/drivers/i2c/", "kernel/drivers/idle/", "kernel/drivers/iio/",
	"kernel/drivers/input/", "kernel/drivers/leds/", "kernel/drivers/media/",
	"kernel/drivers/platform/", "kernel/drivers/powercap/",
	"kernel/drivers/thermal/", "kernel/drivers/video/", "kernel/drivers/watchdog/",
}

// split separates what the boot waits for from what can come later.
func split(db *modules.DB, names []string) (now, later []string) {
	for _, name := range names {
		if isPatient(db.File(name)) {
			later = append(later, name)
		} else {
			now = append(now, name)
		}
	}
	return now, later
}

func isPatient(file string) bool {
	for _, dir := range patient {
		if strings.HasPrefix(file, dir) {
			return true
		}
	}
	// Buttons, batteries and fans, but not the memory in drivers/acpi/nfit.
	return path.Dir(file) == "kernel/drivers/acpi"
}

// pending returns the aliases of the devices that came meanwhile.
func (p *Plugger) pending() []string {
	var aliases []string
	for p.events != nil {
		e, ok, err := p.events.Pending()
		if errors.Is(err, uevent.ErrLost) {
			return append(aliases, modules.Devices("/sys")...)
		}
		if err != nil || !ok {
			return aliases
		}
		aliases = append(aliases, take(e)...)
	}
	return aliases
}

// take returns the alias of a new device and sees to a new module.
func take(e uevent.Event) []string {
	if e.Action != "add" {
		return nil
	}
	if e.Subsystem == "module" {
		arrived(path.Base(e.Path))
	}
	if e.Modalias == "" {
		return nil
	}
	return []string{e.Modalias}
}

// arrived mounts the interface that a module brings. The event comes before the
// module has started, so that has to be waited for, by someone else.
func arrived(module string) {
	late := mounts.Late(module)
	if len(late) == 0 {
		return
	}
	go func() {
		db, err := modules.Open(nil)
		if err == nil {
			err = db.Probe(module)
		}
		for _, m := range late {
			if _, missing := os.Stat(m.Target); err == nil && missing == nil {
				err = m.Do()
			}
			if errors.Is(err, unix.EBUSY) {
				err = nil // whoever asked for the module mounts it too
			}
		}
		if err != nil {
			log.Print(err)
		}
	}()
}

// Rest loads what the boot need not wait for, after Cold, and gives way to
// everything else meanwhile.
func (p *Plugger) Rest() {
	runtime.LockOSThread() // not unlocked: the thread ends with its goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	db, err := modules.Open(p.words)
	if err != nil {
		log.Print(err)
		return
	}
	names := p.later
	if _, err := os.Stat("/sys/firmware/efi/efivars"); err == nil && !mounts.HasType("efivarfs") {
		names = append(names, "efivarfs")
	}
	if err := db.LoadAll(names); err != nil {
		log.Print(err)
	}
}

// Run serves devices as they come, after Cold. It returns only when the events
// cannot be read any more.
func (p *Plugger) Run() error {
	for p.events != nil {
		e, err := p.events.Next()
		switch {
		case errors.Is(err, uevent.ErrLost):
			p.serve(modules.Devices("/sys"))
		case err != nil:
			return err
		default:
			p.serve(append(take(e), p.pending()...))
		}
	}
	return nil
}

// Serve serves the devices that come, the first of them within d. It is for
// who waits for one of them, instead of Run.
func (p *Plugger) Serve(d time.Duration) {
	if p.events == nil || !p.events.Wait(d) {
		return
	}
	p.serve(p.pending())
}

// serve loads modules for aliases. Most devices after boot have their drivers.
func (p *Plugger) serve(aliases []string) {
	if len(aliases) == 0 {
		return
	}
	db, err := modules.Open(p.words)
	if err == nil {
		err = db.LoadAll(db.Find(aliases))
	}
	if err != nil {
		log.Print(err)
	}
}

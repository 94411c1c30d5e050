package content

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The ledger is a file that bounds the size of all derived things, so that not
// everyone who adds one has to look at all of them. Each adds a line with the
// size of what it has just made visible. Who looks at all begins a new ledger
// before and adds a line with what it counted after: what was not counted has
// come since and stands in that ledger. If another one has taken its place
// meanwhile, the count goes nowhere, for lines are gone. Things that are gone
// or counted twice only make the bound higher. A ledger without count, of
// another boot, after which lines may be lost, or one that cannot be read
// bounds nothing. Where boots cannot be told apart, what is lost with the power
// is not counted until the next look.
const ledgerFile = "ledger"

// maxLedger is the size in bytes above which a ledger is made anew.
const maxLedger = 64 << 10

// counted begins the line with a count.
const counted = "all"

func (d *Derived) ledger() string { return d.store.path(derivedDir, ledgerFile) }

// enter notes that size bytes were added and returns the bound, if there is
// one.
func (d *Derived) enter(size int64) (bound int64, ok bool) {
	if d.enterLine(size) != nil {
		os.Remove(d.ledger()) // others must not rely on it
		return 0, false
	}
	data, err := os.ReadFile(d.ledger())
	if err != nil || len(data) > maxLedger {
		return 0, false
	}
	return parseLedger(string(data), bootID())
}

func (d *Derived) enterLine(size int64) error {
	f, err := d.openLedger()
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%d\n", size)
	return err
}

// newLedger begins a ledger, for enterCount. It is nil, which is as good as one
// without count, if it cannot be written.
func (d *Derived) newLedger() *os.File {
	os.Remove(d.ledger())
	f, err := d.openLedger()
	if err != nil {
		return nil
	}
	return f
}

// enterCount notes how many bytes there are in all.
func enterCount(ledger *os.File, total int64) {
	fmt.Fprintf(ledger, "%s %d %s\n", counted, total, bootID())
}

func (d *Derived) openLedger() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(d.ledger()), dirMode); err != nil {
		return nil, err
	}
	return os.OpenFile(d.ledger(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
}

func parseLedger(text, boot string) (bound int64, ok bool) {
	text, whole := strings.CutSuffix(text, "\n")
	if !whole {
		return 0, false
	}
	for _, line := range strings.Split(text, "\n") {
		number := line
		if rest, isCount := strings.CutPrefix(line, counted+" "); isCount {
			count, when, _ := strings.Cut(rest, " ")
			ok = ok || when == boot
			number = count
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if bound += n; err != nil || n < 0 || bound < 0 {
			return 0, false
		}
	}
	return bound, ok
}

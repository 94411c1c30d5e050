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
// size of what it has just made visible. Who looks at all removes the ledger
// before and adds a line with what it counted after: what was not counted has
// come since and stands in the new ledger. Things that are gone or counted
// twice only make the bound higher. A ledger without count, of another boot,
// after which lines may be lost, or one that cannot be read bounds nothing.
const ledgerFile = "ledger"

// maxLedger is the size in bytes above which a ledger is made anew.
const maxLedger = 64 << 10

// counted begins the line with a count.
const counted = "all"

func (d *Derived) ledger() string { return d.store.path(derivedDir, ledgerFile) }

// enter notes that size bytes were added and returns the bound, if there is
// one.
func (d *Derived) enter(size int64) (bound int64, ok bool) {
	if d.append(strconv.FormatInt(size, 10)) != nil {
		os.Remove(d.ledger()) // others must not rely on it
		return 0, false
	}
	data, err := os.ReadFile(d.ledger())
	if err != nil || len(data) > maxLedger {
		return 0, false
	}
	return parseLedger(string(data), bootID())
}

// enterCount notes how many bytes there are in all.
func (d *Derived) enterCount(total int64) {
	if d.append(fmt.Sprintf("%s %d %s", counted, total, bootID())) != nil {
		os.Remove(d.ledger())
	}
}

func (d *Derived) append(line string) error {
	if err := os.MkdirAll(filepath.Dir(d.ledger()), dirMode); err != nil {
		return err
	}
	f, err := os.OpenFile(d.ledger(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(line + "\n")
	return err
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

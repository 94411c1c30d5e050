// Package kcmd reads the command line of the kernel.
//
// It owns how the line is cut into words; what a word means belongs to those
// who ask. Words are compared literally, as the guest contract wants it.
package kcmd

import (
	"os"
	"strings"
)

// Line is the command line of the kernel, cut into words.
type Line []string

// Read reads the line of the running kernel. It needs /proc.
func Read() (Line, error) {
	raw, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	return Parse(string(raw)), nil
}

// Parse cuts a line at white space that is not within double quotes. The
// quotes themselves are dropped, as the kernel does for its own parameters.
func Parse(line string) Line {
	var words Line
	var word strings.Builder
	quoted, started := false, false
	end := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted, started = !quoted, true
		case !quoted && isSpace(c):
			end()
		default:
			word.WriteByte(c)
			started = true
		}
	}
	end()
	return words
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r' || c == 0
}

// Has tells whether the line holds exactly this word.
func (l Line) Has(word string) bool {
	for _, w := range l {
		if w == word {
			return true
		}
	}
	return false
}

// Values returns what stands after "key=", for every such word in order.
func (l Line) Values(key string) []string {
	var values []string
	for _, w := range l {
		if name, value, ok := strings.Cut(w, "="); ok && name == key {
			values = append(values, value)
		}
	}
	return values
}

// Value returns the last of Values, or "" when there is none.
func (l Line) Value(key string) string {
	values := l.Values(key)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// Consoles returns the terminals of the console= words, without their options.
func (l Line) Consoles() []string {
	var ttys []string
	for _, v := range l.Values("console") {
		tty, _, _ := strings.Cut(v, ",")
		if tty != "" {
			ttys = append(ttys, tty)
		}
	}
	return ttys
}

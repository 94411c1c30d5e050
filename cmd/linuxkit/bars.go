package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxBars is how many tasks are shown at a time; the others wait unseen.
const maxBars = 8

// bars draws one line for each running task at the bottom of a terminal.
// Its methods are called with the lock of the reporter held.
type bars struct {
	w     io.Writer
	width func() int
	tasks []*task
	drawn int // lines on the terminal that the next drawing replaces
}

// add shows a task until it is removed. Drawing goes on while there are any.
func (b *bars) add(mu *sync.Mutex, t *task) {
	b.tasks = append(b.tasks, t)
	if len(b.tasks) > 1 {
		return
	}
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			mu.Lock()
			if len(b.tasks) == 0 {
				mu.Unlock()
				return
			}
			b.draw("")
			mu.Unlock()
		}
	}()
}

func (b *bars) remove(t *task) {
	b.tasks = slices.DeleteFunc(b.tasks, func(other *task) bool { return other == t })
	b.draw("")
}

// print writes a line above the bars.
func (b *bars) print(text string) { b.draw(text + "\n") }

// draw replaces the bars on the terminal by text and the bars of now.
func (b *bars) draw(text string) {
	var out strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", b.drawn)
	}
	out.WriteString(text)
	width := b.width()
	shown := b.tasks[:min(len(b.tasks), maxBars)]
	for _, t := range shown {
		out.WriteString(bar(t, width))
		out.WriteByte('\n')
	}
	b.drawn = len(shown)
	fmt.Fprint(b.w, out.String())
}

// bar is the line of a task, at most width characters.
func bar(t *task, width int) string {
	const length = 20
	state := byteSize(t.done)
	filled := 0
	if t.total > 0 {
		filled = int(min(t.done, t.total) * length / t.total)
		state = fmt.Sprintf("%s of %s", state, byteSize(t.total))
	}
	line := fmt.Sprintf("[%s%s] %s  %s", strings.Repeat("=", filled), strings.Repeat(" ", length-filled), t.name, state)
	if runes := []rune(line); len(runes) >= width {
		line = string(runes[:width-1])
	}
	return line
}

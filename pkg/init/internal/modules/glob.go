package modules

// match tells whether a canonical name fits a pattern with *, ? and [classes].
// It takes time in proportion to the product of the lengths at worst.
func match(pattern []byte, name string) bool {
	p, n := 0, 0
	star, retry := -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, retry = p, n
			p++
			continue
		}
		if width := matchOne(pattern[p:], name[n]); width > 0 {
			p += width
			n++
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		p, n = star+1, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte with the head of a pattern, which is not a star, and
// returns the length of that head; 0 when it does not fit.
func matchOne(pattern []byte, c byte) int {
	if len(pattern) == 0 {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) > 1 && same(pattern[1]) == c {
			return 2
		}
		return 0
	}
	if same(pattern[0]) == c {
		return 1
	}
	return 0
}

// matchClass matches a class such as [0-9a-f] or [!x]; one that is never closed
// matches nothing.
func matchClass(pattern []byte, c byte) int {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	found := false
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			if found != negated {
				return i + 1
			}
			return 0
		}
		low, high := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			high = pattern[i+2]
			i += 2
		}
		found = found || low <= c && c <= high
		i++
	}
	return 0
}

// literal returns how much of a pattern stands for itself.
func literal(pattern []byte) int {
	for i, c := range pattern {
		switch c {
		case '*', '?', '[', '\\':
			return i
		}
	}
	return len(pattern)
}

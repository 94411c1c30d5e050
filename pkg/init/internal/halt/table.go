package halt

import "strings"

// parseMounts reads lines of source, target, type and more.
func parseMounts(text string) []entry {
	var mounts []entry
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 3 {
			mounts = append(mounts, entry{source: unescape(f[0]), target: unescape(f[1]), kind: f[2]})
		}
	}
	return mounts
}

// parseSwaps reads the first word of each line but the headline.
func parseSwaps(text string) []string {
	var files []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "Filename" {
			files = append(files, unescape(f[0]))
		}
	}
	return files
}

// unescape undoes \ooo, the way in which the kernel writes blanks in names.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func octal(c byte) bool { return '0' <= c && c <= '7' }

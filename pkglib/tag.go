package pkglib

import (
	"fmt"
	"strings"
	"text/template"
)

// executeTag applies a tag template to a hash.
func executeTag(text, hash string) (string, error) {
	tmpl, err := template.New("tag").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("invalid tag template: %w", err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, map[string]string{"Hash": hash}); err != nil {
		return "", fmt.Errorf("failed to execute tag template: %w", err)
	}
	return b.String(), nil
}

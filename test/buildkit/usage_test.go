//go:build linux

package buildkit

import (
	"regexp"
	"strings"
	"testing"
)

// What daemons keep is shown and freed, that of one for several platforms once.
func TestUsage(t *testing.T) {
	needTools(t)
	address := "unix://" + shortDir(t) + "/sock"
	startDaemon(t, "--addr", address)
	t.Setenv("BUILDKIT_HOST", address)
	base, app := packages(t)
	if _, err := build(t.Context(), newCache(t, base), app); err != nil {
		t.Fatal(err)
	}
	builder := func(args ...string) string {
		t.Helper()
		p := start(t, t.TempDir(), append(args, "--builders", "linux/amd64="+address+",linux/arm64="+address, "--platforms", "linux/amd64,linux/arm64")...)
		if p.end(t) != 0 {
			t.Fatalf("%q: %s", args, p.log.String())
		}
		return p.out.String()
	}
	table := builder("pkg", "builder", "du")
	records := regexp.MustCompile(`(?m)^[a-z0-9]{25}`)
	ids := records.FindAllString(table, -1)
	if all := builder("-v", "2", "pkg", "builder", "du"); len(ids) == 0 || strings.Count(all, "ID:") != len(ids) || !strings.Contains(all, "/bin/stamp") {
		t.Errorf("%d records:\n%s\n%s", len(ids), table, all)
	}
	if !strings.HasPrefix(table, "ID") || strings.Contains(total(table), "\t0B") {
		t.Errorf("table:\n%s", table)
	}
	freed := builder("-v", "2", "pkg", "builder", "prune")
	for _, id := range ids {
		if strings.Count(freed, id+"\tremoved\t") != 1 {
			t.Errorf("%s is not told to be removed:\n%s", id, freed)
		}
	}
	if strings.Contains(freed, "Reclaimed:\t0B") || len(records.FindAllString(builder("pkg", "builder", "du"), -1)) > 0 {
		t.Errorf("after\n%s\nthere is still\n%s", freed, builder("pkg", "builder", "du"))
	}
}

// total is the last line of a table.
func total(table string) string {
	return table[strings.LastIndex(strings.TrimSpace(table), "\n")+1:]
}

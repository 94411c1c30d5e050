package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// nasty is a name that must not become part of the page.
const nasty = `<b>&"'</script><script>document.title="bad"</script>`

func htmlPage(t *testing.T) string {
	t.Helper()
	items := append(sample(), file("srv/"+nasty, strings.Repeat("n", 900), "files[1]"))
	tree := mustOpen(t, write(t, t.TempDir(), "x.tar", writeTar(t, items)))
	var buf bytes.Buffer
	if err := tree.Report().WriteHTML(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestPageIsSelfContained(t *testing.T) {
	page := htmlPage(t)
	if m := regexp.MustCompile(`(?i)(src|href)\s*=|https?://|@import|url\(`).FindString(page); m != "" {
		t.Errorf("the page refers to something else: %q", m)
	}
	if strings.Contains(page, "<b>") {
		t.Error("a name became part of the page")
	}
}

// script does what a person would and writes what is to be seen.
const script = `
const tiles = () => [...document.querySelectorAll("#map button")].map(b => ({
  label: b.getAttribute("aria-label"), text: b.innerText, area: b.offsetWidth * b.offsetHeight,
  x: b.offsetLeft, y: b.offsetTop, w: b.offsetWidth, h: b.offsetHeight}));
const rows = () => [...document.querySelectorAll("#list tr")].map(r => r.innerText.trim().replace(/\s+/g, " "));
const key = k => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: k, bubbles: true, cancelable: true}));
const seen = {area: map.clientWidth * map.clientHeight, top: tiles(), rows: rows()};
document.querySelector('[data-name="boot"]').click();
seen.boot = tiles();
seen.path = document.getElementById("path").innerText;
seen.focus = document.activeElement.dataset.name;
key("ArrowRight"); key("ArrowDown"); key("ArrowLeft"); key("ArrowUp");
seen.moved = document.activeElement.dataset.name !== undefined;
document.querySelector('[data-name="kernel"]').click();
seen.status = document.getElementById("status").innerText;
key("Escape");
seen.back = tiles().length;
seen.backFocus = document.activeElement.dataset.name;
document.querySelector('[data-name="srv"]').click();
seen.nasty = tiles()[0].label;
document.querySelector("#path button").click();
view.value = "segments"; view.onchange();
seen.segments = tiles().map(t => t.label);
seen.title = document.title;
seen.hash = location.hash;
const out = document.createElement("pre"); out.id = "seen"; out.textContent = JSON.stringify(seen); document.body.append(out);
`

type tile struct {
	Label, Text      string
	Area, X, Y, W, H int
}

// TestPageInBrowser looks at the page, and uses it, in a real browser.
func TestPageInBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium; Debian has it in the package of that name")
	}
	page := strings.Replace(htmlPage(t), "</body>", "<script>"+script+"</script></body>", 1)
	path := write(t, t.TempDir(), "page.html", []byte(page))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	home := t.TempDir()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+home, "--window-size=1200,900", "--virtual-time-budget=3000", "--dump-dom", "file://"+path)
	cmd.Env = append(os.Environ(), "HOME="+home)
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, dom)
	}
	m := regexp.MustCompile(`(?s)<pre id="seen">(.*?)</pre>`).FindSubmatch(dom)
	if m == nil {
		t.Fatalf("the page does not work:\n%s", dom)
	}
	var seen struct {
		Area                                               int
		Top, Boot                                          []tile
		Rows, Segments                                     []string
		Path, Focus, Status, Nasty, Title, Hash, BackFocus string
		Moved                                              bool
		Back                                               int
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &seen); err != nil {
		t.Fatal(err)
	}
	checkTiles(t, seen.Top, seen.Area, 7)
	checkTiles(t, seen.Boot, seen.Area, 2)
	if seen.Boot[0].Label != "kernel, 5.0 kB" || !strings.Contains(seen.Boot[0].Text, "kernel") || !strings.Contains(seen.Boot[0].Text, "5.0 kB") {
		t.Errorf("the largest tile of boot is %+v", seen.Boot[0])
	}
	if seen.Path != "/boot" || seen.Focus != "kernel" || !seen.Moved || seen.Status != "/boot/kernel: 5.0 kB" {
		t.Errorf("after going into boot: path %q, focus %q, moved %v, status %q", seen.Path, seen.Focus, seen.Moved, seen.Status)
	}
	if seen.Back != len(seen.Top) || seen.BackFocus != "boot" {
		t.Errorf("after going up: %d tiles, focus %q", seen.Back, seen.BackFocus)
	}
	if len(seen.Rows) != len(seen.Top) || !strings.HasPrefix(seen.Rows[0], "boot/ 5.0 kB ") {
		t.Errorf("the list is %q", seen.Rows)
	}
	if !strings.Contains(seen.Nasty, "b>&") || strings.Contains(seen.Title, "bad") {
		t.Errorf("a strange name is %q, the title %q", seen.Nasty, seen.Title)
	}
	if len(seen.Segments) != 5 || seen.Segments[0] != "kernel image of kernel/, 5.3 kB" || seen.Hash != "#segments:" {
		t.Errorf("by origin: %q at %q", seen.Segments, seen.Hash)
	}
}

// checkTiles wants tiles that fill the map by size and do not overlap.
func checkTiles(t *testing.T, tiles []tile, area, count int) {
	t.Helper()
	sum := 0
	for i, a := range tiles {
		sum += a.Area
		if a.W < 1 || a.H < 1 || !strings.Contains(a.Label, ", ") {
			t.Errorf("tile %+v", a)
		}
		for _, b := range tiles[i+1:] {
			if a.X+1 < b.X+b.W && b.X+1 < a.X+a.W && a.Y+1 < b.Y+b.H && b.Y+1 < a.Y+a.H {
				t.Errorf("%+v and %+v overlap", a, b)
			}
		}
	}
	if len(tiles) != count || sum < area*95/100 || sum > area*105/100 {
		t.Errorf("%d tiles cover %d of %d", len(tiles), sum, area)
	}
}

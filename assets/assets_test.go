package assets

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func TestWebIsThereBuiltOrNot(t *testing.T) {
	if _, err := fs.ReadDir(Web(), "."); err != nil {
		t.Fatalf("read the page's folder: %v", err)
	}
}

// TestPageObeysItsPolicy looks for what the Content-Security-Policy (script-src 'self'; style-src 'self') would not run,
// and for files that index.html names and nobody made.
func TestPageObeysItsPolicy(t *testing.T) {
	if !Built() {
		t.Skip("the page was not built: run packaging/build")
	}
	text, err := fs.ReadFile(Web(), "index.html")
	if err != nil {
		t.Fatalf("read the page: %v", err)
	}
	page := string(text)
	for _, inline := range []string{`<style`, ` style=`, `<script>`, ` onclick=`, `javascript:`, `<!-- icons -->`} {
		if strings.Contains(page, inline) {
			t.Errorf("index.html has %q", inline)
		}
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"#/][^":]*)"`).FindAllStringSubmatch(page, -1) {
		if _, err := fs.Stat(Web(), link[1]); err != nil {
			t.Errorf("index.html asks for %s: %v", link[1], err)
		}
	}
	for _, used := range regexp.MustCompile(`href="#(icon-[a-z-]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+used[1]+`"`) {
			t.Errorf("index.html uses %s, which is no icon", used[1])
		}
	}
}

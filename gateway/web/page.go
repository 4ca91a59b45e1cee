package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// types are the media types of the page's files. Go's own table depends on the machine's.
var types = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".mp3":         "audio/mpeg",
	".ogg":         "audio/ogg",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".wav":         "audio/wav",
	".webmanifest": "application/manifest+json",
	".woff2":       "font/woff2",
}

// minGzip is the size in bytes from which compressing is worth it: a smaller file fits one packet anyway.
const minGzip = 1400

// file is one static file, in the forms in which it is sent.
type file struct {
	kind      string
	plain, gz version // gz without data: not smaller
}

// version is one form of a file with its strong entity tag (RFC 9110 §8.8.3).
type version struct {
	data []byte
	tag  string
}

// page serves files by their path. It was read whole at the start, so no path reaches the file system.
type page map[string]file

// readPage reads all files but hidden ones; "index.html" also stands for its folder.
func readPage(from fs.FS) (page, error) {
	files := page{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, data)
		files["/"+name] = f
		if d.Name() == "index.html" {
			files[strings.TrimSuffix("/"+name, "index.html")] = f
		}
		return err
	})
	return files, err
}

func newFile(name string, data []byte) (file, error) {
	f := file{kind: types[path.Ext(name)], plain: newVersion(data, "")}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	binary := !strings.HasPrefix(f.kind, "text/") && !strings.HasSuffix(f.kind, "json") && !strings.HasSuffix(f.kind, "+xml")
	if len(data) < minGzip || binary {
		return f, nil
	}
	var small bytes.Buffer
	z, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(data)
		err = errors.Join(err, z.Close())
	}
	if small.Len() < len(data) {
		f.gz = newVersion(small.Bytes(), "-gzip")
	}
	return f, err
}

func newVersion(data []byte, suffix string) version {
	sum := sha256.Sum256(data)
	return version{data, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + suffix + `"`}
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := p[r.URL.Path]
	switch {
	case !ok && r.URL.Path == "/":
		http.Error(w, "The page was not built: run packaging/build, then start Cordboard again.", http.StatusServiceUnavailable)
	case !ok:
		http.Error(w, errNotFound.Message, http.StatusNotFound)
	default:
		f.ServeHTTP(w, r)
	}
}

func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This address can only be read.", http.StatusMethodNotAllowed)
		return
	}
	v := f.plain
	if f.gz.data != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			v = f.gz
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache") // kept, but asked about each time
	h.Set("ETag", v.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.data))
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3) as far as gzip goes.
func acceptsGzip(values []string) bool {
	for coding := range strings.SplitSeq(strings.ToLower(strings.Join(values, ",")), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, _ := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		return strings.Trim(q, "0.") != "" || q == ""
	}
	return false
}

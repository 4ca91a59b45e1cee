// Package presence reads and writes the documents that tell how somebody is doing: dialog-info (RFC 4235), PIDF (RFC 3863)
// with the activities of RPID (RFC 4480), reginfo (RFC 3680) and simple-message-summary (RFC 3842). Pure: text in, values out.
package presence

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a document from the network may hold.
const (
	MaxDocument = 64 << 10 // bytes
	maxDepth    = 16       // elements in elements
	maxElements = 4096
	maxText     = 256 // bytes of a text that is kept
)

// Errors of documents that can't be used.
var (
	ErrTooLarge  = errors.New("document too large")
	ErrMalformed = errors.New("malformed document")
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// decode reads an XML document whose root is root into v. It refuses document types, and what is too deep or too long.
func decode(data []byte, root xml.Name, v any) error {
	if err := survey(data, root); err != nil {
		return err
	}
	if err := xml.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func survey(data []byte, root xml.Name) error {
	if len(data) > MaxDocument {
		return ErrTooLarge
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	depth, elements := 0, 0
	for {
		t, err := d.Token()
		if err == io.EOF && elements > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return fmt.Errorf("%w: document type", ErrMalformed)
		case xml.StartElement:
			if elements == 0 && t.Name != root {
				return fmt.Errorf("%w: not a %s", ErrMalformed, root.Local)
			}
			depth++
			elements++
			if depth > maxDepth || elements > maxElements {
				return ErrTooLarge
			}
		case xml.EndElement:
			depth--
		}
	}
}

// encode writes v as an XML document.
func encode(v any) []byte {
	out, err := xml.Marshal(v)
	if err != nil { // the types of this package can all be written
		panic(err)
	}
	return append([]byte(xmlHead), out...)
}

// clean is a text from the network as it may be shown: without control characters, cut to maxText bytes.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control) || c == utf8.RuneError {
			return -1
		}
		return c
	}, strings.TrimSpace(s))
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

package ui

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	_ "cordboard/app/ui/locale" // before lang starts
	"cordboard/assets"
)

// Languages are those that there are words in, by their own names.
var Languages = map[string]string{"en": "English", "de": "Deutsch"}

// Speak chooses the language of all views that are made from now on; empty: the system's.
func Speak(language string) error {
	for own := range Languages {
		from := own
		if _, known := Languages[language]; known {
			from = language // whatever the system's language is, Fyne finds these words
		}
		data, err := assets.Words(from)
		if err != nil {
			return fmt.Errorf("read words: %w", err)
		}
		if err := lang.AddTranslationsForLocale(data, fyne.Locale(own)); err != nil {
			return fmt.Errorf("read words of %s: %w", from, err)
		}
	}
	return nil
}

// say is the string of a key; values stand in it by their names. A key that is missing is a fault of the program, which a test finds.
func say(key string, values ...string) string {
	if len(values) == 0 {
		return lang.X(key, key)
	}
	data := make(map[string]string, len(values)/2)
	for i := 0; i+1 < len(values); i += 2 {
		data[values[i]] = values[i+1]
	}
	return lang.X(key, key, data)
}

// count is the string of a key for so many.
func count(key string, n int) string { return lang.XN(key, key, n, map[string]int{"N": n}) }

// notPaired is what the gateway puts behind the name of a machine that is not paired with this one.
const notPaired = ", not paired"

// Stranger says whether a caller's name is that of a machine that is not paired.
func Stranger(name string) bool { return strings.HasSuffix(name, notPaired) }

// Caller is a caller's name, in the language in use where it says that its machine is not paired.
func Caller(name string) string {
	if machine, found := strings.CutSuffix(name, notPaired); found {
		return say("name.notPaired", "Who", machine)
	}
	return name
}

// clock is how long something takes, as "1:05" or "1:02:05".
func clock(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// when is when something was, seen from now.
func when(at, now time.Time) string {
	at = at.In(now.Location())
	ago := now.Sub(at)
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	switch clock := at.Format("15:04"); {
	case ago < time.Minute:
		return say("time.now")
	case ago < time.Hour:
		return say("time.minutes", "N", fmt.Sprint(int(ago/time.Minute)))
	case !at.Before(today):
		return clock
	case !at.Before(today.AddDate(0, 0, -1)):
		return say("time.yesterday", "Time", clock)
	default:
		return say("time.day", "Day", fmt.Sprint(at.Day()), "Month", say(fmt.Sprintf("month.%d", at.Month())), "Time", clock)
	}
}

// grouped is a number in groups for reading; names and short numbers stay.
func grouped(number string) string {
	digits := strings.TrimPrefix(number, "+")
	if len(digits) < 5 || strings.Trim(digits, "0123456789") != "" {
		return number
	}
	var b strings.Builder
	b.WriteString(number[:len(number)-len(digits)])
	for len(digits) > 4 { // groups of three, and two to four at the end
		b.WriteString(digits[:3])
		b.WriteByte(' ')
		digits = digits[3:]
	}
	b.WriteString(digits)
	return b.String()
}

// initials are the letters that stand for a name; empty for a number.
func initials(name string) string {
	var all []rune
	for word := range strings.FieldsSeq(name) {
		first := []rune(word)[0]
		if strings.ContainsRune("+0123456789*#", first) {
			return ""
		}
		all = append(all, first)
	}
	if len(all) > 2 {
		all = []rune{all[0], all[len(all)-1]}
	}
	return strings.ToUpper(string(all))
}

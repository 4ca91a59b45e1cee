package ui

// rows are those of the list that are shown.
func (l *listing) rows() []int {
	var all []int
	for i := range l.Length() {
		if !l.skip(i) {
			all = append(all, i)
		}
	}
	return all
}

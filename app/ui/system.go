package ui

// System is what Cordboard has agreed with the operating system. Its errors are sentences for people.
type System interface {
	// StartsWithComputer reports whether Cordboard starts when the user signs in to this computer.
	StartsWithComputer() (bool, error)
	StartWithComputer(on bool) error
	// TakesLinks reports whether other programs' links can come to Cordboard on this system at all.
	TakesLinks() bool
	// OpensLinks reports whether tel:, sip:, sips: and callto: links of other programs come to Cordboard.
	OpensLinks() (bool, error)
	OpenLinks(on bool) error
	// CallsLinks reports whether the number of a link is called at once. Else it comes into the field to call from.
	CallsLinks() bool
	CallLinks(atOnce bool)
}

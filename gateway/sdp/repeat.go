package sdp

import "slices"

// Repeats says whether an offer leaves all as it is for the other side of the call, which then need not hear of it: a refresh of the
// session, or another address of the same party. Before is what the party said last; agreed are the codecs that are in use, and wish
// the direction that the party offered last. A party may offer in each refresh all that it can, and after a hold by the other side
// either what it would like or what is in force.
func (r Remote) Repeats(before Remote, agreed []Codec, wish string) bool {
	switch {
	case r.Rejected || before.Rejected || r.Others != before.Others || !r.Video.repeats(before.Video) || r.PTime != before.PTime || len(agreed) == 0:
		return false
	case r.Direction != wish && r.Direction != before.Direction:
		return false
	}
	for _, c := range agreed {
		i := slices.IndexFunc(r.Codecs, c.same)
		j := slices.IndexFunc(before.Codecs, c.same)
		if i < 0 || j < 0 || r.Codecs[i].PT != before.Codecs[j].PT || r.Codecs[i].Fmtp != before.Codecs[j].Fmtp {
			return false
		}
	}
	// Another codec in front is a wish for it, unless the party always said so.
	return r.Codecs[0].same(agreed[0]) || len(before.Codecs) > 0 && r.Codecs[0].same(before.Codecs[0])
}

// repeats says the same of pictures. Those are never held by one side alone.
func (v *Video) repeats(before *Video) bool {
	if v == nil || before == nil {
		return v == before
	}
	return v.Direction == before.Direction && slices.Equal(v.Codecs, before.Codecs)
}

// Keep answers a party's offer by what the other side said in text some time ago, with none but the codecs that are in use.
func Keep(text, offer []byte, agreed []Codec, to Local) ([]byte, error) {
	return translate(text, offer, func(c Codec) bool { return slices.ContainsFunc(agreed, c.same) }, to)
}

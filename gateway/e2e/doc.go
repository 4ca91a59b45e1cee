// Package e2e holds the end-to-end tests: calls between the built gateway and
// real peers on loopback. Kamailio is the PBX, baresip a desk phone, libsrtp2 another one's encryption, Chromium
// and Firefox the browsers, SIP.js and JsSIP the plain SIP clients. Firefox, which takes no loopback
// for media, has a network namespace for itself and its peers (unshare).
//
//	go test -tags e2e ./gateway/e2e
//
// A test whose peers are not installed is skipped; with CORDBOARD_E2E=required
// it fails instead. CORDBOARD_SHOTS names a folder for pictures of the page and the window, CORDBOARD_MARKS wants what is measured as it is promised, CORDBOARD_LONG_CALL says how long a call is
// listened to for glitches, as 10m, CORDBOARD_DESK_COST and CORDBOARD_DESK_DELAY how long what a call of the machine's phone costs, and its delays, are
// measured, as 15s. With CORDBOARD_CONSENT a browser is frozen until it may not be sent to any more, which takes 40 s.
// Tests that neither measure time nor have a sound card run two at a time, after the others: they mostly wait. What a test
// takes of the machine is its own: ports by freePort, folders, namespaces; who changes the environment can't run beside others.
//
// A tone is the proof of sound: each party speaks at a frequency of its own,
// and that frequency must be found where the other one hears.
package e2e

-- The other Cordboards that this one was paired with. paired is in Unix milliseconds.
CREATE TABLE neighbours (
	id          TEXT PRIMARY KEY,
	fingerprint TEXT NOT NULL,
	name        TEXT NOT NULL,
	address     TEXT NOT NULL UNIQUE,
	at          TEXT NOT NULL, -- where it was reached last, "192.0.2.10:8443"; empty: not known
	paired      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

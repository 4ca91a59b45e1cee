-- At which PBX a user registers; empty: the first one in mode extension.
ALTER TABLE users ADD COLUMN pbx TEXT NOT NULL DEFAULT '';

-- What was learned of each PBX, by its address. list is a JSON array of texts; times are in Unix milliseconds.
CREATE TABLE pbx_facts (
	pbx     TEXT NOT NULL,
	name    TEXT NOT NULL,
	list    TEXT NOT NULL,
	learned INTEGER NOT NULL,
	PRIMARY KEY (pbx, name)
) STRICT, WITHOUT ROWID;

-- What is known of recorded calls; the sound is in files. Times are in Unix milliseconds.
CREATE TABLE recordings (
	id             TEXT PRIMARY KEY, -- of the call
	file           TEXT NOT NULL,
	caller         TEXT NOT NULL,
	caller_display TEXT NOT NULL,
	callee         TEXT NOT NULL,
	callee_display TEXT NOT NULL,
	began          INTEGER NOT NULL,
	ended          INTEGER, -- NULL: the file is still written
	paused         INTEGER NOT NULL CHECK (paused IN (0, 1)),
	rule           INTEGER NOT NULL CHECK (rule IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX recordings_began ON recordings (began);
CREATE INDEX recordings_ended ON recordings (ended);

-- Who took part.
CREATE TABLE recording_users (
	user TEXT NOT NULL,
	id   TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
	PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recording_users_id ON recording_users (id);

-- Who gets the name of a removed account does not get its recordings.
CREATE TRIGGER users_deleted_recordings AFTER DELETE ON users BEGIN
	DELETE FROM recording_users WHERE user = old.name;
END;

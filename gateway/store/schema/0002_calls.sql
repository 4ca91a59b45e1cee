-- The calls that have ended. Times are in Unix milliseconds; NULL: never.
CREATE TABLE calls (
	number         INTEGER PRIMARY KEY, -- grows with each call
	id             TEXT NOT NULL UNIQUE,
	caller         TEXT NOT NULL,
	caller_display TEXT NOT NULL,
	callee         TEXT NOT NULL,
	callee_display TEXT NOT NULL,
	answered_by    TEXT NOT NULL,
	direction      TEXT NOT NULL CHECK (direction IN ('internal', 'in', 'out')),
	began          INTEGER NOT NULL,
	rang           INTEGER,
	answered       INTEGER,
	ended          INTEGER NOT NULL,
	ended_by       TEXT NOT NULL,
	status         INTEGER NOT NULL,
	reason         TEXT NOT NULL
) STRICT;

CREATE INDEX calls_ended ON calls (ended);

-- Whose calls they are.
CREATE TABLE call_users (
	user   TEXT NOT NULL,
	began  INTEGER NOT NULL, -- of the call, so that a user's newest calls stand together
	number INTEGER NOT NULL REFERENCES calls (number) ON DELETE CASCADE,
	PRIMARY KEY (user, began, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX call_users_number ON call_users (number);

-- Who gets the name of a removed account does not get its calls.
CREATE TRIGGER users_deleted_calls AFTER DELETE ON users BEGIN
	DELETE FROM call_users WHERE user = old.name;
END;

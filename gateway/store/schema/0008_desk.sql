-- What is kept of the phone that this machine is, in one row.
CREATE TABLE desk (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	busy INTEGER NOT NULL CHECK (busy IN (0, 1)) -- do not disturb
) STRICT;

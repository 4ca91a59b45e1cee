-- Who is kept out. Times are in Unix milliseconds.
CREATE TABLE bans (
	subject TEXT PRIMARY KEY,
	why     TEXT NOT NULL,
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	times   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE users ADD COLUMN admin INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1));

-- The account that the first start has made.
UPDATE users SET admin = 1 WHERE name = 'operator';

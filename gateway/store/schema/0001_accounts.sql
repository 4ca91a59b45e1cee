CREATE TABLE users (
	name         TEXT PRIMARY KEY,
	display      TEXT NOT NULL,
	extension    TEXT NOT NULL,
	md5          TEXT NOT NULL,
	sha256       TEXT NOT NULL,
	must_change  INTEGER NOT NULL CHECK (must_change IN (0, 1)),
	pbx_username TEXT NOT NULL,
	pbx_password TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_extension ON users (extension) WHERE extension <> '';

CREATE TABLE secrets (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL CHECK (length(value) = 32)
) STRICT, WITHOUT ROWID;

-- How often each table was changed, so that every process sees a change of another.
CREATE TABLE revisions (
	of     TEXT PRIMARY KEY,
	number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO revisions VALUES ('users', 0);

CREATE TRIGGER users_inserted AFTER INSERT ON users BEGIN
	UPDATE revisions SET number = number + 1 WHERE of = 'users';
END;
CREATE TRIGGER users_updated AFTER UPDATE ON users BEGIN
	UPDATE revisions SET number = number + 1 WHERE of = 'users';
END;
CREATE TRIGGER users_deleted AFTER DELETE ON users BEGIN
	UPDATE revisions SET number = number + 1 WHERE of = 'users';
END;

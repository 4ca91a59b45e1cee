-- How a call sounded, as JSON; empty: not known.
ALTER TABLE calls ADD COLUMN quality TEXT NOT NULL DEFAULT '';

-- What a sandbox may reach of the Internet, as a JSON object; empty: all of it.
ALTER TABLE sandboxes ADD COLUMN network TEXT NOT NULL DEFAULT '';

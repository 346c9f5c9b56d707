-- Labels are the users' own, to find their sandboxes by. They stand in the row as a JSON object of
-- texts, for reading, and in a table, for finding; both are written together.
ALTER TABLE sandboxes ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
CREATE TABLE sandbox_labels (
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (sandbox_id, name)
);
CREATE INDEX sandbox_labels_by_value ON sandbox_labels (name, value, sandbox_id);
-- Those that have ended are most after a while, and seldom asked for.
CREATE INDEX sandboxes_active_by_team ON sandboxes (team_id, created_at, id)
  WHERE status NOT IN ('stopped', 'error');

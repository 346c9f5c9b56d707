-- When a sandbox stops by itself, and how it is paused.
ALTER TABLE sandboxes ADD COLUMN on_timeout TEXT NOT NULL DEFAULT 'pause';  -- or 'kill'
ALTER TABLE sandboxes ADD COLUMN max_lifetime_sec BIGINT NOT NULL DEFAULT 0;
-- Milliseconds since 1970; counted anew at each resume. 0: never.
ALTER TABLE sandboxes ADD COLUMN end_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sandboxes ADD COLUMN auto_resume BIGINT NOT NULL DEFAULT 1;
ALTER TABLE sandboxes ADD COLUMN pause_mode TEXT NOT NULL DEFAULT '';  -- 'memory', 'disk'
ALTER TABLE sandboxes ADD COLUMN pause_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN paused_at BIGINT;

-- Templates made of sandboxes. Hosts know them by their id: two teams may use one name.
CREATE TABLE templates (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  host_id TEXT NOT NULL REFERENCES hosts (id),
  sandbox_id TEXT NOT NULL,
  vcpus BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (team_id, name)
);

-- Which sandbox a create made, for a client that asks again because it lost the answer.
CREATE TABLE idempotency_keys (
  team_id TEXT NOT NULL REFERENCES teams (id),
  idempotency_key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  sandbox_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

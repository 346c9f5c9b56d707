-- Plain SQL that SQLite and PostgreSQL both take: ids are TEXT, times BIGINT milliseconds since
-- 1970 UTC, metadata is a JSON object of texts.

CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- The platform's own team: what a single-machine installation works as.
INSERT INTO teams (id, name, created_at) VALUES ('team-0000000000000000000000000', 'Platform', 0);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  key_prefix TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,
  revoked_at BIGINT
);
CREATE INDEX api_keys_by_team ON api_keys (team_id, created_at);

CREATE TABLE hosts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('online', 'unreachable', 'offline')),
  last_seen_at BIGINT,
  created_at BIGINT NOT NULL
);

-- Rows are never deleted: a sandbox that is gone stays as 'stopped' or 'error'.
CREATE TABLE sandboxes (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  host_id TEXT REFERENCES hosts (id),
  template TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'starting', 'running', 'pausing', 'paused',
    'resuming', 'hibernated', 'stopped', 'error', 'missing')),
  vcpus BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  timeout_sec BIGINT NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}',
  host_ip TEXT NOT NULL DEFAULT '',
  error_message TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  last_active_at BIGINT,
  updated_at BIGINT NOT NULL,
  stopped_at BIGINT
);
CREATE INDEX sandboxes_by_team ON sandboxes (team_id, created_at, id);
CREATE INDEX sandboxes_by_host ON sandboxes (host_id, status);
CREATE INDEX sandboxes_by_status ON sandboxes (status);

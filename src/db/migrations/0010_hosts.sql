-- Hosts that register over the network, besides those that the control plane is told of by flags.
-- Such a host is pending until registered_at, and stays as a row when it was removed.
ALTER TABLE hosts ADD COLUMN kind TEXT NOT NULL DEFAULT 'named';  -- Or 'registered'.
ALTER TABLE hosts ADD COLUMN team_id TEXT REFERENCES teams (id);  -- Whose own it is; NULL: everybody's.
ALTER TABLE hosts ADD COLUMN proxy_address TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN arch TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN cpu_cores BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hosts ADD COLUMN memory_mb BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hosts ADD COLUMN disk_gb BIGINT NOT NULL DEFAULT 0;
-- What it proves with who it is. The key is the host's own.
ALTER TABLE hosts ADD COLUMN certificate TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN certificate_serial TEXT NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN certificate_ends_at BIGINT;
ALTER TABLE hosts ADD COLUMN created_by TEXT REFERENCES users (id);
ALTER TABLE hosts ADD COLUMN registered_at BIGINT;
ALTER TABLE hosts ADD COLUMN draining_since BIGINT;
ALTER TABLE hosts ADD COLUMN removed_at BIGINT;
-- When it called last, and the time it signed that call with: no call counts twice.
ALTER TABLE hosts ADD COLUMN last_heartbeat_at BIGINT;
ALTER TABLE hosts ADD COLUMN last_signed_at BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX hosts_by_name ON hosts (name) WHERE removed_at IS NULL;
CREATE INDEX hosts_by_team ON hosts (team_id);

-- What a host registers with, once: the hash of it.
CREATE TABLE host_tokens (
  id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL REFERENCES hosts (id),
  token_hash TEXT NOT NULL UNIQUE,
  created_by TEXT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX host_tokens_by_host ON host_tokens (host_id);

-- Who signs certificates. The key is sealed, as the values of `secrets` are.
CREATE TABLE authorities (
  name TEXT PRIMARY KEY,
  certificate TEXT NOT NULL,
  sealed_key TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

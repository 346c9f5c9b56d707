-- What a team may have at most; NULL: as much as there is.
CREATE TABLE team_quotas (
  team_id TEXT PRIMARY KEY,  -- Empty: of every team without a row of its own, but the platform's.
  sandboxes BIGINT,
  vcpus BIGINT,
  memory_mb BIGINT,
  disk_mb BIGINT,
  creates_per_minute BIGINT,
  updated_at BIGINT NOT NULL
);

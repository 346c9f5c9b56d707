-- Templates have versions, which tags point to. What was made of a sandbox is the first version of its name.
CREATE TABLE template_versions (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  host_id TEXT NOT NULL REFERENCES hosts (id),
  sandbox_id TEXT NOT NULL,
  build_id TEXT NOT NULL DEFAULT '',  -- '': it was made of a sandbox.
  config TEXT NOT NULL DEFAULT '',  -- JSON: how programs run in it; '': as in any.
  vcpus BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (team_id, name, version)
);
INSERT INTO template_versions (id, team_id, name, version, host_id, sandbox_id, vcpus, memory_mb, disk_mb,
                               size_bytes, created_at)
  SELECT id, team_id, name, 1, host_id, sandbox_id, vcpus, memory_mb, disk_mb, size_bytes, created_at FROM templates;
DROP TABLE templates;
ALTER TABLE template_versions RENAME TO templates;

CREATE TABLE template_tags (
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  tag TEXT NOT NULL,
  template_id TEXT NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
  PRIMARY KEY (team_id, name, tag)
);
CREATE INDEX template_tags_by_template ON template_tags (template_id);
INSERT INTO template_tags (team_id, name, tag, template_id) SELECT team_id, name, 'latest', id FROM templates;

-- Templates on their way, and those that came to an end lately.
CREATE TABLE template_builds (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  tag TEXT NOT NULL,
  definition TEXT NOT NULL,  -- JSON, as it was asked for.
  status TEXT NOT NULL CHECK (status IN ('waiting', 'building', 'ready', 'failed', 'canceled')),
  step BIGINT NOT NULL DEFAULT 0,   -- The one it is at; it failed in it.
  steps BIGINT NOT NULL DEFAULT 0,  -- How many there are; 0: nobody knows yet.
  cached_steps BIGINT NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  template_id TEXT NOT NULL DEFAULT '',  -- What it made.
  log_lines BIGINT NOT NULL DEFAULT 0,
  log_bytes BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  attempts BIGINT NOT NULL DEFAULT 0,
  claimed_until BIGINT NOT NULL DEFAULT 0,  -- A control plane is at it; when that is over, it is dead.
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT
);
CREATE INDEX template_builds_to_do ON template_builds (created_at) WHERE status IN ('waiting', 'building');
CREATE INDEX template_builds_by_team ON template_builds (team_id, created_at, id);
CREATE INDEX template_builds_finished ON template_builds (finished_at);

CREATE TABLE template_build_logs (
  build_id TEXT NOT NULL REFERENCES template_builds (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,  -- From 1 on.
  at BIGINT NOT NULL,
  step BIGINT NOT NULL,
  kind TEXT NOT NULL,  -- 'step', 'stdout', 'stderr', 'notice', 'error'
  text TEXT NOT NULL,
  PRIMARY KEY (build_id, number)
);

-- The machine after each step of a build, for other builds that begin with the same steps.
CREATE TABLE build_layers (
  id TEXT PRIMARY KEY,  -- What its host calls it.
  team_id TEXT NOT NULL REFERENCES teams (id),
  cache_key TEXT NOT NULL,
  host_id TEXT NOT NULL REFERENCES hosts (id),
  vcpus BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  UNIQUE (team_id, cache_key, host_id)
);
CREATE INDEX build_layers_by_use ON build_layers (used_at);

-- What teams use, exactly: from when to when each sandbox ran or was paused. Written in the
-- transaction that changes its state, so no crash and no restart of anything loses or doubles a
-- moment.
CREATE TABLE usage_periods (
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id),
  team_id TEXT NOT NULL REFERENCES teams (id),
  kind TEXT NOT NULL CHECK (kind IN ('running', 'paused')),
  vcpus BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  began_at BIGINT NOT NULL,
  ended_at BIGINT  -- NULL: it goes on.
);
CREATE UNIQUE INDEX usage_periods_open ON usage_periods (sandbox_id) WHERE ended_at IS NULL;
CREATE INDEX usage_periods_by_team ON usage_periods (team_id, ended_at, began_at);
-- Those that are there already: since when is not known better.
INSERT INTO usage_periods (sandbox_id, team_id, kind, vcpus, memory_mb, began_at)
  SELECT id, team_id, CASE WHEN status IN ('running', 'pausing') THEN 'running' ELSE 'paused' END,
    vcpus, memory_mb, updated_at FROM sandboxes
  WHERE status IN ('running', 'pausing', 'paused', 'resuming', 'hibernating');

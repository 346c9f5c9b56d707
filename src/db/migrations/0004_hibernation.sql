-- A state more, 'hibernating', and what object storage has of a sandbox. A CHECK cannot be changed
-- in place, so the table is made anew, and with it the one that refers to it.
CREATE TABLE sandboxes_new (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  host_id TEXT REFERENCES hosts (id),
  template TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'starting', 'running', 'pausing', 'paused',
    'resuming', 'hibernating', 'hibernated', 'stopped', 'error', 'missing')),
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
  stopped_at BIGINT,
  on_timeout TEXT NOT NULL DEFAULT 'pause',
  max_lifetime_sec BIGINT NOT NULL DEFAULT 0,
  end_at BIGINT NOT NULL DEFAULT 0,
  auto_resume BIGINT NOT NULL DEFAULT 1,
  pause_mode TEXT NOT NULL DEFAULT '',
  pause_reason TEXT NOT NULL DEFAULT '',
  paused_at BIGINT,
  -- 'current': it is all there is of the sandbox. 'stale': the sandbox has gone on since.
  archive TEXT NOT NULL DEFAULT '' CHECK (archive IN ('', 'current', 'stale')),
  archive_bytes BIGINT NOT NULL DEFAULT 0
);
INSERT INTO sandboxes_new (id, team_id, host_id, template, status, vcpus, memory_mb, disk_mb,
    timeout_sec, metadata, host_ip, error_message, created_at, started_at, last_active_at,
    updated_at, stopped_at, on_timeout, max_lifetime_sec, end_at, auto_resume, pause_mode,
    pause_reason, paused_at)
  SELECT id, team_id, host_id, template, status, vcpus, memory_mb, disk_mb,
    timeout_sec, metadata, host_ip, error_message, created_at, started_at, last_active_at,
    updated_at, stopped_at, on_timeout, max_lifetime_sec, end_at, auto_resume, pause_mode,
    pause_reason, paused_at FROM sandboxes;

CREATE TABLE public_ports_new (
  sandbox_id TEXT NOT NULL REFERENCES sandboxes_new (id),
  port BIGINT NOT NULL CHECK (port BETWEEN 1 AND 65535),
  PRIMARY KEY (sandbox_id, port)
);
INSERT INTO public_ports_new (sandbox_id, port) SELECT sandbox_id, port FROM public_ports;

DROP TABLE public_ports;
DROP TABLE sandboxes;
-- What refers to a table follows its name.
ALTER TABLE sandboxes_new RENAME TO sandboxes;
ALTER TABLE public_ports_new RENAME TO public_ports;
CREATE INDEX sandboxes_by_team ON sandboxes (team_id, created_at, id);
CREATE INDEX sandboxes_by_host ON sandboxes (host_id, status);
CREATE INDEX sandboxes_by_status ON sandboxes (status);

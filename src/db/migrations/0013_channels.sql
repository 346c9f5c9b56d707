-- Where a team is told of what happens to what it has.
CREATE TABLE channels (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id),
  name TEXT NOT NULL,
  provider TEXT NOT NULL,  -- 'webhook', 'slack', ...
  sealed_config TEXT NOT NULL,
  events TEXT NOT NULL,  -- Their names, each between two commas: ',capsule.created,host.down,'.
  disabled_reason TEXT NOT NULL DEFAULT '',  -- '': it is told.
  failing_since BIGINT,  -- Of the first that it did not take since it took one.
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,  -- Also its version.
  UNIQUE (team_id, name)
);

-- What channels are to be told, and were told lately.
CREATE TABLE channel_deliveries (
  id TEXT PRIMARY KEY,
  channel_id TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  event_id TEXT NOT NULL,
  event TEXT NOT NULL,
  payload TEXT NOT NULL,  -- JSON, as a webhook gets it.
  status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL,               -- Of one that is pending.
  claimed_until BIGINT NOT NULL DEFAULT 0,  -- Somebody is at it; when that is over they are dead.
  response_status BIGINT NOT NULL DEFAULT 0,  -- Of HTTP, to the last try; 0: there was no answer.
  error TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  UNIQUE (channel_id, event_id)
);
CREATE INDEX channel_deliveries_to_do ON channel_deliveries (next_at) WHERE status = 'pending';
CREATE INDEX channel_deliveries_by_channel ON channel_deliveries (channel_id, created_at, id);
CREATE INDEX channel_deliveries_finished ON channel_deliveries (finished_at) WHERE status <> 'pending';

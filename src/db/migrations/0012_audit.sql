-- Who changed what, when, from where, and whether it worked. Rows are added, and forgotten when they
-- are old; nothing alters one. They refer to nothing, since they outlive what they tell of.
CREATE TABLE audit_logs (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL,  -- '': of no team.
  actor_type TEXT NOT NULL CHECK (actor_type IN ('user', 'api_key', 'system', 'anonymous')),
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  action TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('team', 'admin')),  -- Who of the team may read it.
  status TEXT NOT NULL CHECK (status IN ('success', 'failure')),
  code TEXT NOT NULL,  -- Of the error, as the API names it; '' for a success.
  client_address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  request_id TEXT NOT NULL,
  metadata TEXT NOT NULL,  -- A JSON object.
  created_at BIGINT NOT NULL
);
CREATE INDEX audit_logs_by_team ON audit_logs (team_id, created_at, id);
CREATE INDEX audit_logs_by_time ON audit_logs (created_at, id);

-- People: who may log in, in which teams and as what.
ALTER TABLE teams ADD COLUMN slug TEXT NOT NULL DEFAULT '';
ALTER TABLE teams ADD COLUMN is_byoc BIGINT NOT NULL DEFAULT 0;  -- It may bring hosts of its own.
ALTER TABLE teams ADD COLUMN deleted_at BIGINT;
UPDATE teams SET slug = 'platform' WHERE id = 'team-0000000000000000000000000';
CREATE UNIQUE INDEX teams_by_slug ON teams (slug) WHERE slug <> '';

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,  -- In lower case.
  name TEXT NOT NULL,
  password_hash TEXT,  -- Argon2id with its parameters; NULL: no login by password.
  is_admin BIGINT NOT NULL DEFAULT 0,  -- Of the whole platform.
  status TEXT NOT NULL CHECK (status IN ('inactive', 'active', 'disabled', 'deleted')),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT
);
-- An address is free again as soon as its user is gone.
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE deleted_at IS NULL;

CREATE TABLE team_members (
  team_id TEXT NOT NULL REFERENCES teams (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id);

-- One per login. The browser holds a refresh token, which is another one after each use; here are
-- the hashes of the one that is valid and of the one before it.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  team_id TEXT NOT NULL REFERENCES teams (id),  -- The one the user works in.
  refresh_hash TEXT NOT NULL,
  previous_hash TEXT NOT NULL DEFAULT '',
  user_agent TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  refreshed_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX sessions_by_user ON sessions (user_id, expires_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- What is sent by mail and is good for one thing, once: the hash of it.
CREATE TABLE one_time_tokens (
  token_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('activation', 'password_reset', 'invitation')),
  id TEXT NOT NULL UNIQUE,
  user_id TEXT REFERENCES users (id),
  team_id TEXT REFERENCES teams (id),
  email TEXT NOT NULL DEFAULT '',
  role TEXT NOT NULL DEFAULT '',
  created_by TEXT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX one_time_tokens_by_team ON one_time_tokens (team_id, purpose);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);

-- Failed attempts to log in, by what they had in common: an address of mail, or of the network.
CREATE TABLE failed_logins (
  subject TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  last_at BIGINT NOT NULL
);
CREATE INDEX failed_logins_by_time ON failed_logins (last_at);

-- Keys: made by whom, good for what and until when.
ALTER TABLE api_keys ADD COLUMN created_by TEXT REFERENCES users (id);
-- Words parted by spaces; empty: good for all.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

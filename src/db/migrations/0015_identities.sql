-- Who somebody is at a provider of identity, such as GitHub: one at each.
CREATE TABLE user_identities (
  provider TEXT NOT NULL,
  provider_id TEXT NOT NULL,  -- What the provider calls them, and will not give to anybody else.
  user_id TEXT NOT NULL REFERENCES users (id),
  email TEXT NOT NULL,  -- When it was joined to the account; may be another one than the user's.
  created_at BIGINT NOT NULL,
  PRIMARY KEY (provider, provider_id)
);
CREATE UNIQUE INDEX user_identities_by_user ON user_identities (user_id, provider);

-- States of logins at a provider that came back, until they would have expired: each is good once.
CREATE TABLE used_oauth_states (
  nonce TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX used_oauth_states_by_end ON used_oauth_states (expires_at);

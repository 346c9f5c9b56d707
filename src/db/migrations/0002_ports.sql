-- Secrets of the installation, made once and kept: what they sign stays valid over restarts.
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Ports of sandboxes that anybody may reach. The rows go when their sandbox ends.
CREATE TABLE public_ports (
  sandbox_id TEXT NOT NULL REFERENCES sandboxes (id),
  port BIGINT NOT NULL CHECK (port BETWEEN 1 AND 65535),
  PRIMARY KEY (sandbox_id, port)
);

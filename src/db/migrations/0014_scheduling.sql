-- What hosts tell of themselves, besides what they register with. 0: not known.
ALTER TABLE hosts ADD COLUMN memory_reserved_mb BIGINT NOT NULL DEFAULT 0;  -- Kept from sandboxes.
ALTER TABLE hosts ADD COLUMN disk_mb BIGINT NOT NULL DEFAULT 0;  -- As disk_gb, for where sandboxes lie.
ALTER TABLE hosts ADD COLUMN memory_free_mb BIGINT;
ALTER TABLE hosts ADD COLUMN disk_free_mb BIGINT;
-- What sandboxes may ask of their host; JSON objects of texts.
ALTER TABLE hosts ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sandboxes ADD COLUMN host_labels TEXT NOT NULL DEFAULT '{}';
-- What a host has to find room for is read from the index alone.
DROP INDEX sandboxes_by_host;
CREATE INDEX sandboxes_by_host ON sandboxes (host_id, status, pause_mode, vcpus, memory_mb, disk_mb);

-- What a sandbox was made of, where it is known: another one that was forked, or a version of a template.
ALTER TABLE sandboxes ADD COLUMN source_sandbox_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN source_template TEXT NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN source_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sandboxes_by_source ON sandboxes (team_id, source_sandbox_id, created_at, id) WHERE source_sandbox_id <> '';

-- Which control plane changes a sandbox just now, and how long the others believe that without
-- another word of it.
ALTER TABLE sandboxes ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sandboxes_by_holder ON sandboxes (holder) WHERE holder <> '';

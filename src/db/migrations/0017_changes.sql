-- What changed lately in a team, for those who watch it: src/control/api/event_feed.h.
CREATE INDEX sandboxes_by_change ON sandboxes (team_id, updated_at, id);
CREATE INDEX template_builds_active ON template_builds (team_id, status) WHERE status IN ('waiting', 'building');
CREATE INDEX template_builds_by_end ON template_builds (team_id, finished_at);

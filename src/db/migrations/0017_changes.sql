-- What changed lately in a team, for those who watch it: src/control/api/event_feed.h.
CREATE INDEX sandboxes_by_change ON sandboxes (team_id, updated_at, id);

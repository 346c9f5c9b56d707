-- What happened to one thing.
CREATE INDEX audit_logs_by_resource ON audit_logs (team_id, resource_id, created_at, id);

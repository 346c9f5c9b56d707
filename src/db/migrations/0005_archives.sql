-- Archives that are to be removed are looked for at every reconciliation.
CREATE INDEX sandboxes_by_archive ON sandboxes (host_id) WHERE archive <> '';

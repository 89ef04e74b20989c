-- Where an app that has no socket can be woken (push/tokens). One of each sign-in; a token is of one sign-in alone.

CREATE TABLE push_token (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (id),
    person_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    vendor TEXT NOT NULL,
    token TEXT NOT NULL,
    app_version TEXT,
    registered_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_token_token ON push_token (vendor, token);
CREATE INDEX push_token_person ON push_token (person_id);
CREATE INDEX push_token_device ON push_token (device_id);

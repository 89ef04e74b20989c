-- Announcements (announcements/). Whom one is for is not written down: it is whoever belongs to its branch and roles now.

CREATE TABLE announcement (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- absent: the whole organisation
    branch_id TEXT REFERENCES branch (id),
    -- ',courier,agent,'; empty: everybody
    roles TEXT NOT NULL,
    must_read BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    -- of its text
    version BIGINT NOT NULL,
    posted_by TEXT NOT NULL,
    posted_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    -- SHA-256 of what it was posted with: the same id with something else is refused
    request_hash TEXT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE INDEX announcement_listed ON announcement (organisation_id, posted_at, id);
CREATE INDEX announcement_poster ON announcement (posted_by, posted_at);
CREATE INDEX announcement_rev ON announcement (rev);

-- Every text that one had: a receipt is of what was read.
CREATE TABLE announcement_text (
    announcement_id TEXT NOT NULL REFERENCES announcement (id),
    version BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (announcement_id, version)
);

-- Who has read which version. Added, and only ever put earlier.
CREATE TABLE announcement_receipt (
    announcement_id TEXT NOT NULL REFERENCES announcement (id),
    person_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    read_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (announcement_id, person_id, version)
);
CREATE INDEX announcement_receipt_rev ON announcement_receipt (person_id, rev);

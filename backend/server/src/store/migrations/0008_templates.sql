-- Notices of an organisation's own (templates/).

-- Whose people may use it; NULL: everybody's. Sound and flow of one that is withdrawn stay for the batches that use it.
ALTER TABLE template ADD COLUMN branch_id TEXT;
ALTER TABLE template ADD COLUMN withdrawn_at BIGINT;
-- JSON of Wording; NULL: the built-in one.
ALTER TABLE template ADD COLUMN wording TEXT;

-- A wording that is not in force: being written, waiting for its review, or refused.
CREATE TABLE template_draft (
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    key TEXT NOT NULL,
    branch_id TEXT,
    -- JSON of Wording
    wording TEXT NOT NULL,
    state TEXT NOT NULL,
    -- why it was refused
    reason TEXT,
    edited_by TEXT NOT NULL,
    edited_at BIGINT NOT NULL,
    reviewed_by TEXT,
    reviewed_at BIGINT,
    PRIMARY KEY (organisation_id, key)
);

-- What an organisation sets for wordings; JSON of TemplatePolicy. No row: the defaults.
CREATE TABLE template_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

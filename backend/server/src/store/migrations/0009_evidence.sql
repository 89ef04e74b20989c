-- Recordings as evidence (recordings/chain.rs, evidence/).

-- 1: it is in the chain; -1: its row is damaged and cannot be.
ALTER TABLE recording ADD COLUMN chained BIGINT NOT NULL DEFAULT 0;
CREATE INDEX recording_unchained ON recording (id) WHERE chained = 0 AND hash IS NOT NULL;

-- The chain of an organisation's recordings. Rows are never changed and never removed.
CREATE TABLE recording_link (
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    seq BIGINT NOT NULL,
    recording_id TEXT NOT NULL UNIQUE,
    -- JSON of evidence::Link
    link TEXT NOT NULL,
    PRIMARY KEY (organisation_id, seq)
);

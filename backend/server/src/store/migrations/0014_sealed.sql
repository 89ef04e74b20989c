-- Recordings sealed at rest (keys/, recordings/).
CREATE TABLE organisation_key (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- the master key that it is wrapped with
    master TEXT NOT NULL,
    -- hexadecimal; NULL once it was erased, and with it all that it opens
    wrapped TEXT,
    created_at BIGINT NOT NULL,
    erased_at BIGINT
);
CREATE INDEX organisation_key_of ON organisation_key (organisation_id, created_at);

-- The organisation's key that the file's own is wrapped with. NULL: the file lies in clear, as an older server wrote it.
ALTER TABLE recording ADD COLUMN key_id TEXT;
-- The file's own key, hexadecimal; NULL once it was erased.
ALTER TABLE recording ADD COLUMN sealed_key TEXT;
-- A file that is to be removed: it is past its time, or was sealed.
ALTER TABLE recording ADD COLUMN remove_path TEXT;
CREATE INDEX recording_clear ON recording (id) WHERE key_id IS NULL AND hash IS NOT NULL;
CREATE INDEX recording_remove ON recording (id) WHERE remove_path IS NOT NULL;

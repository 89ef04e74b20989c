-- Words that an organisation has recorded (speech/words/).

CREATE TABLE recorded_word (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- whose notices use it; NULL: everybody's
    branch_id TEXT,
    -- as it was given, and as it is compared
    text TEXT NOT NULL,
    plain TEXT NOT NULL,
    -- SHA-256 of the file, which is its name
    hash TEXT NOT NULL,
    ms BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX recorded_word_text ON recorded_word (organisation_id, COALESCE(branch_id, ''), plain);

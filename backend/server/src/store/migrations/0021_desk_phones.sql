-- Telephones that register with this server (phones). Of a secret only hashes are kept, each sealed with a master key.

CREATE TABLE desk_phone (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    user_name TEXT NOT NULL,
    realm TEXT NOT NULL,
    master TEXT NOT NULL,
    sealed_sha256 TEXT NOT NULL,
    sealed_md5 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT,
    seen_from TEXT,
    agent TEXT
);
CREATE UNIQUE INDEX desk_phone_user ON desk_phone (user_name);
CREATE UNIQUE INDEX desk_phone_name ON desk_phone (person_id, name);

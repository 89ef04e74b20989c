-- Knowledge (knowledge/): a tree of folders, articles with every text they had, pictures, and who uses what.

-- JSON of KnowledgePolicy. No row: the built-in rules.
CREATE TABLE knowledge_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

CREATE TABLE knowledge_folder (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- absent: the whole organisation
    branch_id TEXT REFERENCES branch (id),
    -- absent: at the top
    parent_id TEXT,
    name TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    removed_at BIGINT,
    rev BIGINT NOT NULL
);
CREATE INDEX knowledge_folder_of ON knowledge_folder (organisation_id, parent_id);
CREATE INDEX knowledge_folder_rev ON knowledge_folder (rev);

CREATE TABLE knowledge_article (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- absent: the whole organisation
    branch_id TEXT REFERENCES branch (id),
    -- absent: at the top
    folder_id TEXT REFERENCES knowledge_folder (id),
    -- of the newest text
    stage TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- the version that readers have
    published BIGINT,
    published_at BIGINT,
    -- how often it was read; a person counts once a day
    views BIGINT NOT NULL DEFAULT 0,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    -- SHA-256 of what it was made with: the same id with something else is refused
    request_hash TEXT NOT NULL,
    -- of the last change
    rev BIGINT NOT NULL,
    -- of the last change that readers see; 0: they never had it
    shown_rev BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX knowledge_article_listed ON knowledge_article (organisation_id, id);
CREATE INDEX knowledge_article_used ON knowledge_article (organisation_id, views);
CREATE INDEX knowledge_article_of ON knowledge_article (folder_id);
CREATE INDEX knowledge_article_shown ON knowledge_article (shown_rev);
CREATE INDEX knowledge_article_rev ON knowledge_article (rev);

-- Every text that one had.
CREATE TABLE knowledge_text (
    article_id TEXT NOT NULL REFERENCES knowledge_article (id),
    version BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    title TEXT NOT NULL,
    -- JSON list
    tags TEXT NOT NULL,
    body TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    approved_by TEXT,
    approved_at BIGINT,
    -- why it was rejected
    note TEXT,
    PRIMARY KEY (article_id, version)
);

CREATE TABLE knowledge_picture (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- absent: the whole organisation
    branch_id TEXT REFERENCES branch (id),
    kind TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    size BIGINT NOT NULL,
    -- of the file as it is kept: the same picture again is the same one
    sha256 TEXT NOT NULL,
    body BLOB NOT NULL,
    person_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX knowledge_picture_same ON knowledge_picture (organisation_id, sha256);

CREATE TABLE knowledge_favourite (
    article_id TEXT NOT NULL REFERENCES knowledge_article (id),
    person_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    kept BIGINT NOT NULL,
    acted_at BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (article_id, person_id)
);
CREATE INDEX knowledge_favourite_rev ON knowledge_favourite (person_id, rev);

-- Who read what on which day, YYYYMMDD in the organisation's zone.
CREATE TABLE knowledge_view (
    article_id TEXT NOT NULL REFERENCES knowledge_article (id),
    day BIGINT NOT NULL,
    person_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    PRIMARY KEY (article_id, day, person_id)
);
CREATE INDEX knowledge_view_day ON knowledge_view (organisation_id, day);

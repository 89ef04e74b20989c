-- What was said in the call before a key was pressed, and which version of the notice that was (consents/).

ALTER TABLE consent ADD COLUMN said TEXT NOT NULL DEFAULT '';
-- the first 16 digits of the SHA-256 of the notice's flow
ALTER TABLE consent ADD COLUMN wording TEXT NOT NULL DEFAULT '';

-- Which column of a list holds what, as somebody confirmed it; by branch ('' for the head office) and shape of the header.
CREATE TABLE list_columns (
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    branch_id TEXT NOT NULL,
    shape TEXT NOT NULL,
    -- JSON: headings, and the heading of each field
    columns TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, branch_id, shape)
);

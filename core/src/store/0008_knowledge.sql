-- Knowledge for this person: folders, articles, and the pictures that were looked at.

CREATE TABLE knowledge_folder (
    id TEXT PRIMARY KEY,
    -- sealed JSON of FolderView: the server's last word
    body BLOB NOT NULL
) STRICT;

CREATE TABLE knowledge_article (
    id TEXT PRIMARY KEY,
    -- of the server; a search looks at what has changed
    rev INTEGER NOT NULL,
    -- sealed JSON of ArticleView: the server's last word
    body BLOB NOT NULL
) STRICT;

CREATE TABLE knowledge_picture (
    id TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL,
    -- the file, sealed
    body BLOB NOT NULL
) STRICT;

-- The last hour (since 1970) of which the server is told that an article was read.
CREATE TABLE knowledge_read (
    id TEXT PRIMARY KEY,
    hour INTEGER NOT NULL
) STRICT;

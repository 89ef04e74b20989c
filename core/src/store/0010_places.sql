-- Where buildings are, by what the server's branch knows.

CREATE TABLE place (
    -- source:name of the building
    id TEXT PRIMARY KEY,
    -- sealed JSON of PlaceView: the server's last word
    body BLOB NOT NULL
) STRICT;

-- what the branch learned before this version asked for it
DELETE FROM meta WHERE key = 'cursor';

-- Work orders that this person handles or has opened.

CREATE TABLE work_order (
    id TEXT PRIMARY KEY,
    opened_at INTEGER NOT NULL,
    -- sealed JSON of OrderView: the server's last word
    body BLOB NOT NULL
) STRICT;
CREATE INDEX work_order_opened ON work_order (opened_at);

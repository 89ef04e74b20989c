-- What the own calls cost.

CREATE TABLE charge_entry (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    -- sealed JSON of EntryView
    body BLOB NOT NULL
) STRICT;
CREATE INDEX charge_entry_at ON charge_entry (at);

-- First schema of the phone. Times are unix milliseconds. `body` columns are sealed (see seal.rs): they hold names and
-- telephone numbers. Address and waybill number are in clear, because the keyword index needs them.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE parcel (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    waybill_no TEXT NOT NULL,
    address TEXT NOT NULL,
    state TEXT NOT NULL,
    mark TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    imported_at INTEGER NOT NULL,
    -- the server's revision; 0: only this phone knows the row; -1: the server took the import, its row has not come yet
    rev INTEGER NOT NULL,
    -- what is shown: the server's word with the pending operations over it
    body BLOB NOT NULL,
    -- the server's last word, where it differs
    base BLOB,
    -- number of the transaction that wrote the row last (meta 'touch'); rises
    touched INTEGER NOT NULL,
    -- 1 if parcel_terms holds the terms of this address and waybill number
    indexed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX parcel_touched ON parcel (touched);

CREATE VIRTUAL TABLE parcel_terms USING fts5 (terms, content = '', contentless_delete = 1, tokenize = 'unicode61', detail = none);

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    -- 0 while only this phone knows it
    rev INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- JSON of BatchView
    body TEXT NOT NULL
) STRICT;

CREATE TABLE recipient (
    id TEXT PRIMARY KEY,
    batch_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX recipient_batch ON recipient (batch_id, sequence);

-- Operations on their way to the server, first in first out in a lane.
CREATE TABLE operation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- the batch it is about
    target TEXT,
    -- id of an operation that must have been taken before
    after TEXT,
    body BLOB NOT NULL,
    -- pending, in_flight, dead
    state TEXT NOT NULL,
    -- sendings begun: 0 means that it has never left this phone
    tries INTEGER NOT NULL,
    acted_wall INTEGER NOT NULL,
    acted_boot TEXT NOT NULL,
    acted_boot_ms INTEGER NOT NULL,
    -- of a dead one: JSON of code, message and hint
    problem TEXT
) STRICT;
CREATE INDEX operation_lane ON operation (lane, seq);

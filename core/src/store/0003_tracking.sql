-- Tracks. Times are track time, unix milliseconds. What is not sent is only here.

CREATE TABLE track_shift (
    id TEXT PRIMARY KEY,
    began INTEGER NOT NULL,
    ended INTEGER,
    -- JSON of the engine's state while the shift runs
    state TEXT,
    -- the process that wrote last: another one means that the app had been ended
    process TEXT NOT NULL,
    metres REAL NOT NULL DEFAULT 0,
    low REAL NOT NULL DEFAULT 0,
    high REAL NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX track_shift_open ON track_shift (1) WHERE ended IS NULL;

-- Vertices that are in no blob yet. The last one of a blob stays as the first of the next.
CREATE TABLE track_vertex (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    shift TEXT NOT NULL,
    at INTEGER NOT NULL,
    lat_e5 INTEGER NOT NULL,
    lon_e5 INTEGER NOT NULL,
    -- 1: a run begins here
    first INTEGER NOT NULL,
    -- why nothing is known before it
    gap TEXT,
    packed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX track_vertex_shift ON track_vertex (shift, n);

CREATE TABLE track_blob (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    shift TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX track_blob_shift ON track_blob (shift, n);

-- Gaps, stays, fences, signs of spoofing, clocks that were set.
CREATE TABLE track_note (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    shift TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX track_note_shift ON track_note (shift, n);

CREATE TABLE track_drop (
    shift TEXT NOT NULL,
    reason TEXT NOT NULL,
    fixes INTEGER NOT NULL,
    PRIMARY KEY (shift, reason)
) STRICT;

-- What a version before left out of its rows (deeds at doors, merges and splits of stops) comes with a whole pull. -1 is
-- the revision of rows that the server has taken: whatever it says of them is newer. Rows that only this phone knows (0)
-- stay.
DELETE FROM meta WHERE key = 'cursor';
UPDATE parcel SET rev = -1 WHERE rev > 0;

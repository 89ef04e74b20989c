-- Tracks are sealed, belong to somebody, and go to the server. What was in clear is sealed at the first use
-- (tracking/adopt.rs), because a migration has no key.

DROP INDEX track_shift_open;
DROP INDEX track_vertex_shift;
DROP INDEX track_blob_shift;
DROP INDEX track_note_shift;
ALTER TABLE track_shift RENAME TO clear_shift;
ALTER TABLE track_vertex RENAME TO clear_vertex;
ALTER TABLE track_blob RENAME TO clear_blob;
ALTER TABLE track_note RENAME TO clear_note;
INSERT OR REPLACE INTO meta VALUES ('clear_tracks', '1');

CREATE TABLE track_shift (
    id TEXT PRIMARY KEY,
    -- id of the person; unsent tracks outlive a sign-out
    owner TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    -- sealed JSON of the engine's state while the shift runs
    state BLOB,
    -- the process that wrote last: another one means that the app had been ended
    process TEXT NOT NULL,
    metres REAL NOT NULL DEFAULT 0,
    low REAL NOT NULL DEFAULT 0,
    high REAL NOT NULL DEFAULT 0,
    -- the last boot of the phone in this shift, and track time less the time since it
    boot TEXT,
    boot_offset INTEGER,
    -- how far the phone's clock is ahead of track time, ms, where no boot clock is told
    skew INTEGER NOT NULL DEFAULT 0,
    -- rises with each change; the newest one that the server has
    version INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT -1
) STRICT;
CREATE UNIQUE INDEX track_shift_open ON track_shift (1) WHERE ended IS NULL;

-- Vertices that are in no blob yet. The last one of a blob stays as the first of the next.
CREATE TABLE track_vertex (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    shift TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- 1: a run begins here
    first INTEGER NOT NULL,
    -- why nothing is known before it
    gap TEXT,
    packed INTEGER NOT NULL DEFAULT 0,
    -- sealed: latitude and longitude
    body BLOB NOT NULL
) STRICT;
CREATE INDEX track_vertex_shift ON track_vertex (shift, n);

CREATE TABLE track_blob (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    shift TEXT NOT NULL,
    -- number of its last vertex
    seq INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    -- sealed
    body BLOB NOT NULL,
    -- 0 waits, 1 the server has it, 2 the server will never take it
    sent INTEGER NOT NULL DEFAULT 0,
    -- when that was known, by the phone's clock
    sent_at INTEGER,
    problem TEXT,
    UNIQUE (shift, seq)
) STRICT;
CREATE INDEX track_blob_waits ON track_blob (n) WHERE sent = 0;

-- Gaps, stays, fences, signs of spoofing, clocks that were set.
CREATE TABLE track_note (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    shift TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- sealed JSON
    body BLOB NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER
) STRICT;
CREATE INDEX track_note_shift ON track_note (shift, n);
CREATE INDEX track_note_waits ON track_note (n) WHERE sent = 0;

-- Calls that came in for this courier, and what was fetched of their sound.

CREATE TABLE call (
    id TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    -- sealed JSON of CallView: the server's last word
    body BLOB NOT NULL
) STRICT;
CREATE INDEX call_started ON call (started_at);

-- A recording or voicemail on this phone, in a sealed file of its own (calls/audio/file.rs). The row comes before the file
-- and goes after it: a file without a row is nobody's, and is removed.
CREATE TABLE call_audio (
    -- the recording
    id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    -- part, whole
    state TEXT NOT NULL,
    -- of the sound, once it is whole
    bytes INTEGER NOT NULL DEFAULT 0,
    -- the server's SHA-256 of it, hexadecimal; empty where it tells none
    sha256 TEXT NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;

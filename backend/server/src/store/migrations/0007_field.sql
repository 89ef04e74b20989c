-- Tracks and attendance (tracks/, attendance/).

-- What an organisation sets for the field; JSON of FieldPolicy. No row: the defaults.
CREATE TABLE field_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

-- A shift of a courier as its phone told last. Times are the phone's; `off_ms` is how far they are ahead of the server's.
CREATE TABLE track_shift (
    courier_id TEXT NOT NULL,
    shift TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    version BIGINT NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT,
    off_ms BIGINT NOT NULL,
    -- JSON of ShiftReport
    report TEXT NOT NULL,
    heard_at BIGINT NOT NULL,
    -- the most that the phone's time was ahead of the server's at the receipt of a report; NULL where none told its time
    told_off BIGINT,
    first_at BIGINT NOT NULL,
    PRIMARY KEY (courier_id, shift)
);
CREATE INDEX track_shift_heard ON track_shift (organisation_id, heard_at);

-- A part of a track, as it came. `from_at` and `to_at` are the server's time.
CREATE TABLE track_part (
    courier_id TEXT NOT NULL,
    shift TEXT NOT NULL,
    seq BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    -- SHA-256 of the body, hexadecimal
    hash TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at BIGINT NOT NULL,
    -- off_ms of the shift when it came
    off_ms BIGINT NOT NULL,
    PRIMARY KEY (courier_id, shift, seq)
);
CREATE INDEX track_part_received ON track_part (courier_id, received_at);
CREATE INDEX track_part_time ON track_part (courier_id, to_at);
CREATE INDEX track_part_old ON track_part (organisation_id, to_at);

-- Gaps, stays, fences, evidence; JSON of TrackEvent, in the phone's time. `at` is the server's.
CREATE TABLE track_note (
    courier_id TEXT NOT NULL,
    shift TEXT NOT NULL,
    n BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- off_ms of the shift when it came
    off_ms BIGINT NOT NULL,
    PRIMARY KEY (courier_id, shift, n)
);
CREATE INDEX track_note_received ON track_note (courier_id, received_at);
CREATE INDEX track_note_old ON track_note (organisation_id, received_at);

-- Where people clock in.
CREATE TABLE work_place (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    branch_id TEXT NOT NULL REFERENCES branch (id),
    name TEXT NOT NULL,
    -- JSON of the outline, and of the Wi-Fi stations (BSSID) that stand there
    shape TEXT NOT NULL,
    wifi TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX work_place_branch ON work_place (organisation_id, branch_id);

-- Punches, each once; what a phone told, and what the server made of it when it came.
CREATE TABLE punch (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    -- clock_in, clock_out, field
    kind TEXT NOT NULL,
    -- the phone's wall clock; the server's clock less the age by the phone's boot clock; which of them counts
    wall BIGINT NOT NULL,
    acted_at BIGINT NOT NULL,
    by_wall_clock BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- the installation that it came from
    device_id TEXT NOT NULL,
    -- JSON of PunchView
    view TEXT NOT NULL
);
CREATE INDEX punch_courier ON punch (courier_id, acted_at);
CREATE INDEX punch_device ON punch (device_id, acted_at);
CREATE INDEX punch_received ON punch (courier_id, received_at);
CREATE INDEX punch_branch ON punch (organisation_id, branch_id, acted_at);

-- What a supervisor put right, with a reason. Nothing is ever changed or deleted: a later one counts.
CREATE TABLE punch_correction (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    -- YYYY-MM-DD in the organisation's zone
    day TEXT NOT NULL,
    -- JSON of what was put right
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX punch_correction_courier ON punch_correction (courier_id, day);

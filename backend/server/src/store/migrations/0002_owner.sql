-- Who dials from this database, calls beside attempts, and whose numbers the displayed ones are.

-- One row. Each start takes the next fence; every write checks that it still holds it (store/owner.rs).
CREATE TABLE owner (
    id BIGINT PRIMARY KEY,
    fence BIGINT NOT NULL,
    -- the data folder that the server runs from: another one may not ask the network about this one's calls
    node TEXT NOT NULL,
    -- counts commits; a file beside the database never has more of them than the database it belongs to
    mark BIGINT NOT NULL
);

-- Why a batch was paused by the server: `restored`, `damaged …`.
ALTER TABLE batch ADD COLUMN reason TEXT;

-- Calls that are no attempts: the courier's own leg, and who rings a displayed number. Kept so that none of them is left
-- on the line by a crash.
CREATE TABLE side_call (
    -- the switch's name of the leg
    id TEXT PRIMARY KEY,
    -- courier, incoming
    kind TEXT NOT NULL,
    organisation_id TEXT,
    attempt_id TEXT,
    phone_key TEXT,
    call_id TEXT NOT NULL,
    is_open BIGINT NOT NULL,
    -- the INVITE as it leaves, and the dialog once there is one
    invite TEXT,
    dialog TEXT,
    created_at BIGINT NOT NULL,
    answer_at BIGINT,
    end_at BIGINT
);
CREATE INDEX side_call_open ON side_call (is_open) WHERE is_open = 1;
CREATE INDEX side_call_organisation ON side_call (organisation_id);

-- A displayed number that is named here belongs to these organisations alone; one that is not may be shown by all.
CREATE TABLE caller_id (
    number TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    PRIMARY KEY (number, organisation_id)
);

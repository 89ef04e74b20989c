-- Leaves, corrections that are asked for (leaves/), and substitutes (substitutes/).

CREATE TABLE leave_request (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- JSON of LeaveEdge, and what they came to in the organisation's zone
    from_edge TEXT NOT NULL,
    to_edge TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    note TEXT,
    -- requested, approved, refused, withdrawn
    state TEXT NOT NULL,
    made_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    reason TEXT
);
CREATE INDEX leave_request_courier ON leave_request (courier_id, from_at);
CREATE INDEX leave_request_branch ON leave_request (organisation_id, branch_id, from_at);

-- A correction that somebody asks for; approved, it is a row of punch_correction with the same id.
CREATE TABLE correction_ask (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    day TEXT NOT NULL,
    -- JSON of Correction
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    answer TEXT
);
CREATE INDEX correction_ask_courier ON correction_ask (courier_id, day);
CREATE INDEX correction_ask_branch ON correction_ask (organisation_id, branch_id, state);

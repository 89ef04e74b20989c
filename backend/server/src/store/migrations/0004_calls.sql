-- Calls that come in over published numbers (numbers/, inbound/, calls/, recordings/).

CREATE TABLE published_number (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    branch_id TEXT NOT NULL REFERENCES branch (id),
    area_id TEXT REFERENCES area (id),
    -- PhoneNumber::key, or the bare digits of a number that is none of a country (15-digit 700)
    number_key TEXT NOT NULL,
    name TEXT NOT NULL,
    -- proof that the organisation may use it: what document, of which date (YYYY-MM-DD)
    proof TEXT NOT NULL,
    proof_date TEXT NOT NULL,
    active BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL
);
CREATE INDEX published_number_organisation ON published_number (organisation_id);
-- one owner on this server
CREATE UNIQUE INDEX published_number_active ON published_number (number_key) WHERE active = 1;

-- Who covers an area, when.
CREATE TABLE duty (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    area_id TEXT NOT NULL REFERENCES area (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    -- duty, substitute
    role TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX duty_area ON duty (area_id, from_at);

CREATE TABLE ring_group (
    branch_id TEXT NOT NULL REFERENCES branch (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    organisation_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (branch_id, person_id)
);

CREATE TABLE inbound_block (
    organisation_id TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    -- absent: for ever
    until_at BIGINT,
    created_by TEXT NOT NULL,
    PRIMARY KEY (organisation_id, phone_key)
);

-- What somebody says of themselves: available, riding, off. No row: available.
CREATE TABLE availability (
    person_id TEXT PRIMARY KEY REFERENCES person (id),
    organisation_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    since BIGINT NOT NULL,
    -- available again from then on
    until_at BIGINT
);

-- JSON of InboundPolicy. No row: the built-in rules.
CREATE TABLE inbound_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

-- One call of a customer. Written before anything of it is answered or rung.
CREATE TABLE inbound_call (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT NOT NULL,
    area_id TEXT,
    number_id TEXT NOT NULL REFERENCES published_number (id),
    -- whose it is: who took it, else whom the rules named first; absent: the branch's
    courier_id TEXT,
    -- absent for a caller without a number
    caller_key TEXT,
    is_open BIGINT NOT NULL,
    -- answered, voicemail, missed, blocked, interrupted; absent while it goes on
    outcome TEXT,
    -- JSON: lines of the decision, couriers rung, parcels of the caller
    explain TEXT NOT NULL,
    tries TEXT NOT NULL DEFAULT '[]',
    parcels TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    bridged_at BIGINT,
    ended_at BIGINT,
    handled_at BIGINT,
    handled_by TEXT
);
CREATE INDEX inbound_call_open ON inbound_call (is_open) WHERE is_open = 1;
CREATE INDEX inbound_call_courier ON inbound_call (courier_id, started_at);
CREATE INDEX inbound_call_branch ON inbound_call (organisation_id, branch_id, started_at);
CREATE INDEX inbound_call_caller ON inbound_call (organisation_id, caller_key, started_at);

-- A leg of such a call, stored before its INVITE or its answer leaves, so that a server that dies leaves nobody on the line.
CREATE TABLE call_leg (
    -- the switch's name of the leg
    id TEXT PRIMARY KEY,
    inbound_call_id TEXT NOT NULL REFERENCES inbound_call (id),
    -- caller, courier
    kind TEXT NOT NULL,
    person_id TEXT,
    -- SIP Call-ID
    call_id TEXT NOT NULL,
    is_open BIGINT NOT NULL,
    -- ringing, answering (our answer may have left), answered
    state TEXT NOT NULL,
    -- the INVITE as it leaves, what refuses an INVITE of theirs, the dialog
    invite TEXT,
    refusal TEXT,
    dialog TEXT,
    created_at BIGINT NOT NULL,
    answer_at BIGINT,
    end_at BIGINT,
    sip_status BIGINT,
    release_cause BIGINT,
    -- who ended it: platform, caller, callee
    release_dir TEXT
);
CREATE INDEX call_leg_open ON call_leg (is_open) WHERE is_open = 1;
CREATE INDEX call_leg_call ON call_leg (inbound_call_id);

CREATE TABLE recording (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    inbound_call_id TEXT NOT NULL REFERENCES inbound_call (id),
    -- call, voicemail
    kind TEXT NOT NULL,
    -- under the media folder
    path TEXT NOT NULL,
    -- open, done, cut (the server died: what was heard until then), failed, empty (no speech), gone (past keep_until)
    state TEXT NOT NULL,
    ms BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    lost BIGINT NOT NULL DEFAULT 0,
    -- SHA-256 of the file, hexadecimal
    hash TEXT,
    problem TEXT,
    started_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    legal_hold BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX recording_call ON recording (inbound_call_id);
CREATE INDEX recording_open ON recording (state) WHERE state = 'open';
CREATE INDEX recording_keep ON recording (keep_until);

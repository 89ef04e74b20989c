-- Calls that couriers make (outgoing/): calls of both directions are one table. `inbound_call` becomes `phone_call`, with its legs
-- and recordings; tables are made anew because a call of a courier has no published number of its own.

CREATE TABLE phone_call (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    -- incoming, outgoing
    direction TEXT NOT NULL,
    -- absent for a call made by somebody of no branch
    branch_id TEXT,
    area_id TEXT,
    -- incoming: the number that was rung
    number_id TEXT REFERENCES published_number (id),
    -- outgoing: the number that both sides see; absent before the first INVITE
    shown TEXT,
    -- whose it is: who made or took it, else whom the rules named first; absent: the branch's
    courier_id TEXT,
    -- whose it was before, where that changed
    former_id TEXT,
    -- absent for a caller without a number, and once keep_until is past
    customer_key TEXT,
    is_open BIGINT NOT NULL,
    -- CallResult; absent while it goes on
    outcome TEXT,
    -- JSON: lines of the decision, couriers rung, parcels of the customer
    explain TEXT NOT NULL,
    tries TEXT NOT NULL DEFAULT '[]',
    parcels TEXT NOT NULL,
    -- outgoing: the call that it answers
    answers_id TEXT,
    started_at BIGINT NOT NULL,
    -- outgoing: when the customer's INVITE was stored
    rung_at BIGINT,
    answered_at BIGINT,
    bridged_at BIGINT,
    ended_at BIGINT,
    handled_at BIGINT,
    handled_by TEXT,
    -- the customer's number is taken away then
    keep_until BIGINT NOT NULL,
    -- revision of the last change, of the end, of the mark that it is handled
    rev BIGINT NOT NULL DEFAULT 0,
    ended_rev BIGINT,
    handled_rev BIGINT
);

-- sqlite only
INSERT INTO phone_call (id, organisation_id, direction, branch_id, area_id, number_id, courier_id, customer_key, is_open, outcome,
    explain, tries, parcels, started_at, answered_at, bridged_at, ended_at, handled_at, handled_by, keep_until, rev, ended_rev,
    handled_rev)
SELECT id, organisation_id, 'incoming', branch_id, area_id, number_id, courier_id, caller_key, is_open, outcome,
    explain, tries, parcels, started_at, answered_at, bridged_at, ended_at, handled_at, handled_by,
    -- as long as the organisation's rules say, and no shorter than a recording of it
    MAX(started_at + 86400000 * COALESCE((SELECT CAST(json_extract(p.policy, '$.keep_days') AS INTEGER) FROM inbound_policy p
            WHERE p.organisation_id = inbound_call.organisation_id), 90),
        COALESCE((SELECT MAX(r.keep_until) FROM recording r WHERE r.inbound_call_id = inbound_call.id), 0)),
    ROW_NUMBER() OVER (ORDER BY started_at, id),
    CASE WHEN is_open = 0 THEN 0 END, CASE WHEN handled_at IS NOT NULL THEN 0 END
FROM inbound_call;
-- end

CREATE TABLE leg (
    -- the switch's name of the leg
    id TEXT PRIMARY KEY,
    phone_call_id TEXT NOT NULL REFERENCES phone_call (id),
    -- caller (rang in), courier, customer (was rung)
    kind TEXT NOT NULL,
    person_id TEXT,
    -- SIP Call-ID
    call_id TEXT NOT NULL,
    is_open BIGINT NOT NULL,
    -- ringing, answering (our answer may have left), answered
    state TEXT NOT NULL,
    -- the INVITE as it leaves, what refuses an INVITE of theirs, the dialog; absent a while after the end
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

INSERT INTO leg (id, phone_call_id, kind, person_id, call_id, is_open, state, invite, refusal, dialog, created_at, answer_at,
    end_at, sip_status, release_cause, release_dir)
SELECT id, inbound_call_id, kind, person_id, call_id, is_open, state, invite, refusal, dialog, created_at, answer_at,
    end_at, sip_status, release_cause, release_dir
FROM call_leg;

CREATE TABLE call_recording (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    phone_call_id TEXT NOT NULL REFERENCES phone_call (id),
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

INSERT INTO call_recording (id, organisation_id, phone_call_id, kind, path, state, ms, bytes, lost, hash, problem, started_at,
    keep_until, legal_hold)
SELECT id, organisation_id, inbound_call_id, kind, path, state, ms, bytes, lost, hash, problem, started_at, keep_until, legal_hold
FROM recording;

DROP TABLE recording;
DROP TABLE call_leg;
DROP TABLE inbound_call;
ALTER TABLE leg RENAME TO call_leg;
ALTER TABLE call_recording RENAME TO recording;

CREATE INDEX phone_call_open ON phone_call (is_open) WHERE is_open = 1;
CREATE INDEX phone_call_courier ON phone_call (courier_id, started_at);
CREATE INDEX phone_call_changed ON phone_call (courier_id, rev);
CREATE INDEX phone_call_former ON phone_call (former_id, rev) WHERE former_id IS NOT NULL;
CREATE INDEX phone_call_branch ON phone_call (organisation_id, branch_id, started_at);
CREATE INDEX phone_call_customer ON phone_call (organisation_id, customer_key, started_at);
CREATE INDEX phone_call_rev ON phone_call (rev);
CREATE INDEX phone_call_keep ON phone_call (keep_until) WHERE customer_key IS NOT NULL;
CREATE INDEX duty_person ON duty (person_id, from_at);
CREATE INDEX published_number_area ON published_number (area_id);
CREATE INDEX call_leg_open ON call_leg (is_open) WHERE is_open = 1;
CREATE INDEX call_leg_call ON call_leg (phone_call_id);
CREATE INDEX call_leg_sip ON call_leg (end_at) WHERE invite IS NOT NULL OR refusal IS NOT NULL OR dialog IS NOT NULL;
CREATE INDEX recording_call ON recording (phone_call_id);
CREATE INDEX recording_open ON recording (state) WHERE state = 'open';
CREATE INDEX recording_keep ON recording (keep_until, id) WHERE legal_hold = 0 AND state NOT IN ('open', 'gone');

-- JSON of OutgoingPolicy. No row: the built-in rules.
CREATE TABLE outgoing_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

-- 1: as long as it lasts, who had that role before has it not (a hand-over with an end).
ALTER TABLE duty ADD COLUMN takes_over BIGINT NOT NULL DEFAULT 0;

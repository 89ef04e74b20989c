-- Virtual numbers that two parties share (bindings/).

CREATE TABLE number_pool (
    -- the pool_key
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    -- AXB, AXE
    mode TEXT NOT NULL,
    -- calls go through for so long after a binding has expired
    grace_ms BIGINT NOT NULL,
    extension_digits BIGINT NOT NULL,
    -- who is told of calls; absent: nobody
    integration_id TEXT REFERENCES integration (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX number_pool_organisation ON number_pool (organisation_id);

CREATE TABLE pool_number (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    pool_id TEXT NOT NULL REFERENCES number_pool (id),
    -- PhoneNumber::key, or the bare digits of a number that is none of a country (15-digit 700)
    number_key TEXT NOT NULL,
    city TEXT,
    proof TEXT NOT NULL,
    proof_date TEXT NOT NULL,
    -- 1: no new binding gets it
    locked BIGINT NOT NULL DEFAULT 0,
    removed_at BIGINT,
    -- when it was last bound
    bound_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX pool_number_pool ON pool_number (pool_id);
-- one owner on this server
CREATE UNIQUE INDEX pool_number_active ON pool_number (number_key) WHERE removed_at IS NULL;

CREATE TABLE binding (
    -- the subs_id
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    -- of who bound it; absent: head office
    branch_id TEXT,
    pool_id TEXT NOT NULL REFERENCES number_pool (id),
    number_id TEXT NOT NULL REFERENCES pool_number (id),
    mode TEXT NOT NULL,
    -- absent once keep_until is past
    phone_a TEXT,
    phone_b TEXT,
    extension TEXT,
    -- CallRestrict
    restriction TEXT,
    ring_s BIGINT NOT NULL,
    -- seconds of the longest call
    max_s BIGINT NOT NULL,
    is_recorded BIGINT NOT NULL,
    hint BIGINT NOT NULL,
    out_id TEXT,
    user_data TEXT,
    expires_at BIGINT NOT NULL,
    grace_ms BIGINT NOT NULL,
    unbound_at BIGINT,
    -- it holds its claims until then
    until_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX binding_listed ON binding (organisation_id, created_at, id);
CREATE INDEX binding_a ON binding (organisation_id, phone_a);
CREATE INDEX binding_b ON binding (organisation_id, phone_b);
CREATE INDEX binding_out ON binding (organisation_id, out_id);
CREATE INDEX binding_number ON binding (number_id, until_at);
CREATE INDEX binding_ended ON binding (until_at) WHERE phone_a IS NOT NULL;

-- What a binding holds of its number: a party, or an extension. Never two bindings the same.
CREATE TABLE binding_claim (
    number_id TEXT NOT NULL REFERENCES pool_number (id),
    claim TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    binding_id TEXT NOT NULL REFERENCES binding (id),
    until_at BIGINT NOT NULL,
    PRIMARY KEY (number_id, claim)
);
CREATE INDEX binding_claim_binding ON binding_claim (binding_id);
CREATE INDEX binding_claim_past ON binding_claim (until_at);

-- Requests that were carried out: the same request_id again gets the same answer for 24 hours.
CREATE TABLE binding_request (
    organisation_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, request_id)
);
CREATE INDEX binding_request_at ON binding_request (at);

-- What a phone_call of the direction `bound` was: the trade's fields of its record.
CREATE TABLE binding_call (
    call_id TEXT PRIMARY KEY REFERENCES phone_call (id),
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    pool_id TEXT NOT NULL REFERENCES number_pool (id),
    -- absent where nothing was bound
    binding_id TEXT REFERENCES binding (id),
    number_key TEXT NOT NULL,
    -- absent: hidden, or keep_until is past
    from_key TEXT,
    to_key TEXT,
    -- 0: A rang, 1: the other side rang, 4: intercepted
    call_type BIGINT NOT NULL,
    unconnected BIGINT NOT NULL,
    at BIGINT NOT NULL,
    out_at BIGINT,
    ring_at BIGINT,
    start_at BIGINT,
    release_at BIGINT,
    -- 0 platform, 1 caller, 2 callee
    release_dir BIGINT,
    -- Q.850
    release_cause BIGINT,
    keep_until BIGINT NOT NULL,
    -- 1: the end was told, or nobody is to be told
    told BIGINT NOT NULL
);
CREATE INDEX binding_call_binding ON binding_call (binding_id, at);
CREATE INDEX binding_call_pool ON binding_call (pool_id, at);
CREATE INDEX binding_call_listed ON binding_call (organisation_id, at);
CREATE INDEX binding_call_untold ON binding_call (told) WHERE told = 0;
CREATE INDEX binding_call_keep ON binding_call (keep_until) WHERE from_key IS NOT NULL OR to_key IS NOT NULL;

-- When a delivery is tried again; absent: soon, then further apart, for a day. `calls`: after 1, 4, 9, 106, 203, 300 minutes.
ALTER TABLE webhook_delivery ADD COLUMN schedule TEXT;

-- The first schema. Portable between SQLite and PostgreSQL: ids are hyphenated UUIDv7 text, times unix milliseconds,
-- flags 0 or 1, JSON text. `rev` is the revision a phone pulls by; it is assigned by the one writer (see store/mod.rs).

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE organisation (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- name that a notice speaks
    company TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    policy TEXT NOT NULL,
    -- an administrator holds every call
    stopped BIGINT NOT NULL DEFAULT 0,
    -- text messages may be sent for unknown results
    text_messages BIGINT NOT NULL DEFAULT 1,
    rev BIGINT NOT NULL
);
CREATE INDEX organisation_rev ON organisation (rev);

CREATE TABLE branch (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    name TEXT NOT NULL,
    area_code TEXT,
    -- caller id shown for this branch; the trunk's first authorised number otherwise
    display_number TEXT
);
CREATE INDEX branch_organisation ON branch (organisation_id);

CREATE TABLE area (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    branch_id TEXT NOT NULL REFERENCES branch (id),
    name TEXT NOT NULL
);
CREATE INDEX area_organisation ON area (organisation_id);

CREATE TABLE person (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    branch_id TEXT REFERENCES branch (id),
    area_id TEXT REFERENCES area (id),
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    -- own mobile, rung when a recipient asks for the courier
    phone_key TEXT,
    active BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL
);
CREATE INDEX person_organisation ON person (organisation_id);

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    -- SHA-256 of the newest refresh token, and of the one before while the newest is unused
    current_hash TEXT NOT NULL,
    previous_hash TEXT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person_id);

CREATE TABLE parcel (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    waybill_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    recipient_name TEXT NOT NULL,
    phone_key TEXT,
    address TEXT NOT NULL,
    estate TEXT NOT NULL,
    building TEXT NOT NULL,
    mark TEXT NOT NULL,
    outcome TEXT,
    preference TEXT,
    sequence BIGINT NOT NULL,
    imported_at BIGINT NOT NULL,
    state_at BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    UNIQUE (organisation_id, waybill_no)
);
CREATE INDEX parcel_rev ON parcel (rev);
CREATE INDEX parcel_courier ON parcel (courier_id, rev);
CREATE INDEX parcel_phone ON parcel (organisation_id, phone_key);

-- A parcel that left a courier's round: the phone deletes it when it pulls past this revision.
CREATE TABLE parcel_gone (
    parcel_id TEXT NOT NULL,
    courier_id TEXT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (parcel_id, courier_id)
);
CREATE INDEX parcel_gone_courier ON parcel_gone (courier_id, rev);

CREATE TABLE opt_out (
    organisation_id TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    source TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (organisation_id, phone_key)
);

CREATE TABLE template (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    key TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    text TEXT NOT NULL,
    flow TEXT NOT NULL,
    message TEXT NOT NULL,
    rev BIGINT NOT NULL,
    UNIQUE (organisation_id, key)
);
CREATE INDEX template_rev ON template (rev);

CREATE TABLE batch (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    template_key TEXT NOT NULL,
    state TEXT NOT NULL,
    display_number TEXT,
    created_at BIGINT NOT NULL,
    acted_at BIGINT NOT NULL,
    start_at BIGINT,
    cost_minor BIGINT NOT NULL,
    -- raised by each owner (each start of a server); a send checks it
    fence BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE INDEX batch_rev ON batch (rev);
CREATE INDEX batch_courier ON batch (courier_id, rev);
CREATE INDEX batch_state ON batch (state);

CREATE TABLE recipient (
    id TEXT PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batch (id),
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    courier_id TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    mark TEXT NOT NULL,
    outcome TEXT,
    suppressed TEXT,
    attempts BIGINT NOT NULL,
    -- attempts that count against the retry limit
    counted BIGINT NOT NULL,
    next_at BIGINT,
    keys TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    -- JSON list of parcel ids, and the variables of the notice
    parcels TEXT NOT NULL,
    variables TEXT NOT NULL,
    rev BIGINT NOT NULL,
    UNIQUE (batch_id, phone_key)
);
CREATE INDEX recipient_rev ON recipient (rev);
CREATE INDEX recipient_courier ON recipient (courier_id, rev);
CREATE INDEX recipient_due ON recipient (batch_id, next_at, sequence) WHERE state IN ('planned', 'waiting');
CREATE INDEX recipient_phone ON recipient (organisation_id, phone_key);

CREATE TABLE recipient_parcel (
    recipient_id TEXT NOT NULL REFERENCES recipient (id),
    parcel_id TEXT NOT NULL,
    PRIMARY KEY (recipient_id, parcel_id)
);
CREATE INDEX recipient_parcel_parcel ON recipient_parcel (parcel_id);

-- One call to one person. Written, with fsync, before the INVITE leaves.
CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    recipient_id TEXT NOT NULL REFERENCES recipient (id),
    batch_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    attempt_no BIGINT NOT NULL,
    -- 1 from the intent to the stored result
    is_open BIGINT NOT NULL,
    state TEXT NOT NULL,
    display_number TEXT NOT NULL,
    trunk TEXT NOT NULL,
    route_no BIGINT NOT NULL,
    -- JSON list of SIP Call-IDs, one for each route tried
    call_ids TEXT NOT NULL,
    -- the INVITE as it leaves (switch InviteRecord), and the dialog once answered (DialogRecord)
    invite TEXT NOT NULL,
    dialog TEXT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    heard_full BIGINT NOT NULL DEFAULT 0,
    keys TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    sip_status BIGINT,
    release_cause BIGINT,
    release_dir TEXT,
    phrase TEXT,
    fence BIGINT NOT NULL,
    intent_at BIGINT NOT NULL,
    ring_at BIGINT,
    answer_at BIGINT,
    end_at BIGINT,
    UNIQUE (recipient_id, attempt_no)
);
-- The promise itself: one open call to a person in an organisation.
CREATE UNIQUE INDEX attempt_open ON attempt (organisation_id, phone_key) WHERE is_open = 1;
CREATE INDEX attempt_phone ON attempt (organisation_id, phone_key, intent_at);
CREATE INDEX attempt_display ON attempt (display_number, intent_at);
CREATE INDEX attempt_batch ON attempt (batch_id);

-- What has been said about a parcel by a kind of notice.
CREATE TABLE notified (
    parcel_id TEXT NOT NULL,
    notice TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (parcel_id, notice)
);

CREATE TABLE consent (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    attempt_id TEXT NOT NULL REFERENCES attempt (id),
    phone_key TEXT NOT NULL,
    key TEXT NOT NULL,
    preference TEXT NOT NULL,
    parcels TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX consent_organisation ON consent (organisation_id, at);
CREATE INDEX consent_attempt ON consent (attempt_id);

-- Outbox of text messages. At least once: a second text does no harm.
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    recipient_id TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    problem TEXT,
    created_at BIGINT NOT NULL,
    sent_at BIGINT,
    UNIQUE (recipient_id, text)
);
CREATE INDEX message_due ON message (next_at) WHERE state = 'pending';

-- Decisions that the other tables do not show: suppressed, put off, other route, probed after a restart, undo.
CREATE TABLE decision (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    recipient_id TEXT,
    parcel_id TEXT,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX decision_recipient ON decision (recipient_id);
CREATE INDEX decision_parcel ON decision (parcel_id);

-- Requests already carried out, by Idempotency-Key: the same key gets the same answer.
CREATE TABLE operation (
    person_id TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (person_id, key)
);
CREATE INDEX operation_at ON operation (at);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    organisation_id TEXT,
    person_id TEXT,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_organisation ON audit (organisation_id, at);

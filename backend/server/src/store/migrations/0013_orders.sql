-- Work orders (orders/). Whether one is paused, in warning or overdue follows from its course, the rules and the clock, and is
-- stored nowhere.

-- JSON of OrderPolicy. No row: the built-in rules.
CREATE TABLE order_policy (
    organisation_id TEXT PRIMARY KEY REFERENCES organisation (id),
    policy TEXT NOT NULL
);

-- The last number of a day of an organisation.
CREATE TABLE work_order_day (
    organisation_id TEXT NOT NULL,
    -- YYYYMMDD in the organisation's zone
    day TEXT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, day)
);

CREATE TABLE work_order (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    branch_id TEXT,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    content TEXT NOT NULL,
    customer TEXT,
    caller_key TEXT,
    address TEXT,
    area_id TEXT,
    phone_call_id TEXT,
    parcel_id TEXT,
    waybill_no TEXT,
    opened_by TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    -- SHA-256 of what it was opened with: the same id with something else is refused
    request_hash TEXT NOT NULL,
    -- who assigned it last
    dispatcher_id TEXT,
    -- of the course: whose it is, where it is
    courier_id TEXT,
    stage TEXT NOT NULL,
    department TEXT,
    -- JSON of Course, as the last line of the trail left it
    course TEXT NOT NULL,
    -- lines of the trail
    steps BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    UNIQUE (organisation_id, number)
);
CREATE INDEX work_order_listed ON work_order (organisation_id, opened_at, id);
CREATE INDEX work_order_courier ON work_order (courier_id, rev);
CREATE INDEX work_order_opener ON work_order (opened_by, rev);
CREATE INDEX work_order_rev ON work_order (rev);
CREATE INDEX work_order_open ON work_order (organisation_id, id) WHERE stage <> 'archive';

-- The trail: lines are added, never changed and never removed.
CREATE TABLE work_order_step (
    order_id TEXT NOT NULL REFERENCES work_order (id),
    seq BIGINT NOT NULL,
    organisation_id TEXT NOT NULL,
    -- of who acted: the same one again has no second effect
    operation_id TEXT,
    at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    person_id TEXT,
    -- JSON of OrderAction; NULL for the opening and for what went by itself
    action TEXT,
    placed TEXT,
    -- JSON of Course after it
    course TEXT NOT NULL,
    PRIMARY KEY (order_id, seq)
);
CREATE UNIQUE INDEX work_order_step_once ON work_order_step (order_id, operation_id);

-- An order that left somebody: the phone deletes it when it pulls past this revision.
CREATE TABLE work_order_gone (
    order_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (order_id, person_id)
);

-- What was told of an order, so that it is told once; taken out again when it holds no longer.
CREATE TABLE work_order_told (
    order_id TEXT NOT NULL REFERENCES work_order (id),
    what TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (order_id, what)
);

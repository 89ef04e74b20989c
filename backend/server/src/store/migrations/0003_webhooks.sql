-- Waybill systems: what they send, and what they are told (webhooks/mod.rs).

CREATE TABLE integration (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisation (id),
    -- its parcels go to couriers of this branch only; absent for the whole organisation
    branch_id TEXT REFERENCES branch (id),
    name TEXT NOT NULL,
    -- whsec_…; the one before is good until previous_until
    secret TEXT NOT NULL,
    previous_secret TEXT,
    previous_until BIGINT,
    -- who gets parcels that name no courier
    courier_id TEXT REFERENCES person (id),
    -- where results are pushed to
    url TEXT,
    -- why nothing is pushed: administrator, gone
    paused TEXT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX integration_organisation ON integration (organisation_id);
CREATE UNIQUE INDEX integration_name ON integration (organisation_id, name) WHERE revoked_at IS NULL;

-- Which integration a parcel came by last, and what it knows about it.
CREATE TABLE integration_parcel (
    parcel_id TEXT PRIMARY KEY,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    -- the number as this integration gave it: no other is ever told to it
    phone_key TEXT,
    reference TEXT
);

-- Deliveries that came in and were carried out: the same id again gets the same answer.
CREATE TABLE webhook_received (
    integration_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (integration_id, delivery_id)
);
CREATE INDEX webhook_received_at ON webhook_received (at);

-- Outbox of results, written in the transaction of the result.
CREATE TABLE webhook_delivery (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    integration_id TEXT NOT NULL REFERENCES integration (id),
    parcel_id TEXT NOT NULL,
    waybill_no TEXT NOT NULL,
    -- order within a parcel; from the counter of revisions
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    -- pending, done, dead
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    -- the day of tries begins here: made, sent again, resumed
    since BIGINT NOT NULL,
    -- of the last answer
    status BIGINT,
    problem TEXT,
    created_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX webhook_delivery_order ON webhook_delivery (integration_id, parcel_id, seq) WHERE state = 'pending';
CREATE INDEX webhook_delivery_due ON webhook_delivery (integration_id, next_at, seq) WHERE state = 'pending';
CREATE INDEX webhook_delivery_old ON webhook_delivery (integration_id, since) WHERE state = 'pending';
CREATE INDEX webhook_delivery_dead ON webhook_delivery (integration_id, seq) WHERE state = 'dead';
CREATE INDEX webhook_delivery_listed ON webhook_delivery (integration_id, seq);
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at) WHERE state = 'done';
CREATE INDEX webhook_delivery_open ON webhook_delivery (since) WHERE state <> 'done';
